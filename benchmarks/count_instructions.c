/* A plugin of qemu that writes how many instructions have run so far, whenever the program asks for its priority.
 *
 * The few declarations are those of qemu's plugin interface, version 1 (docs/devel/tcg-plugins in qemu), whose header
 * distributions do not ship.  Argument: out=FILE.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { GETPRIORITY = 141, ADD_U64 = 0 };

struct qemu_plugin_tb;
typedef void (*on_block)(uint64_t id, struct qemu_plugin_tb *block);
typedef void (*on_call)(uint64_t id, unsigned cpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t, uint64_t, uint64_t);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_block);
extern void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, on_call);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *where,
                                                     uint64_t amount);

int qemu_plugin_version = 1;

static uint64_t executed;
static FILE *out;

static void count_block(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &executed, qemu_plugin_tb_n_insns(block));
}

static void mark(uint64_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                 uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number == GETPRIORITY) {
        fprintf(out, "%llu\n", (unsigned long long)executed);
        fflush(out);
    }
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || !(out = fopen(argv[0] + 4, "w"))) {
        fprintf(stderr, "count_instructions: needs out=FILE, a file that can be written\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_vcpu_syscall_cb(id, mark);
    return 0;
}
