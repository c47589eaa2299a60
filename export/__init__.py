"""The workstation side: data, training, quantization, verification. The only part that imports TensorFlow."""
