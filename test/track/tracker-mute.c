/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does what a careless tracing tool may do: attaches to a tracepoint
 * (tracker-mute ID, from its format file) a BPF program that returns 0, which
 * keeps its events from everybody else's perf.  Says "muted", stays until
 * its input ends.  Exit status 77 if that is not possible.
 */
#include "config.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const struct bpf_insn code[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
        { .code = BPF_JMP | BPF_EXIT },
    };
    struct perf_event_attr pe = {
        .type = PERF_TYPE_TRACEPOINT,
        .size = sizeof(pe),
        .config = argc > 1 ? strtoul(argv[1], NULL, 0) : 0,
        .sample_period = 1,
    };
    union bpf_attr attr;
    int program, event;

    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_TRACEPOINT;
    attr.insns = (uintptr_t)code;
    attr.insn_cnt = 2;
    attr.license = (uintptr_t)"GPL";
    program = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
    event = syscall(SYS_perf_event_open, &pe, -1, 0, -1, 0);
    if (program < 0 || event < 0 ||
        ioctl(event, PERF_EVENT_IOC_SET_BPF, program) ||
        ioctl(event, PERF_EVENT_IOC_ENABLE, 0)) {
        perror("tracker-mute");
        return 77;
    }
    puts("muted");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
