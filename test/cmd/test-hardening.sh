#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What is built has what configure asks the compiler and the linker for, as
# readelf and objdump see it: the programs, the parser, the preloaded module.
. "${abs_top_srcdir:=$PWD}/test/lib/functions.sh"
requires readelf objdump
[ "${XD_HARDENING:-no}" = yes ] || skip "configured with --disable-hardening"
build=${abs_top_builddir:?}
tmpdir

# has FILE WHAT REGEX, of what readelf said
has() { grep -Eq "$3" elf || fail "$1: no $2"; }
# lacks FILE WHAT REGEX
lacks() { grep -Eq "$3" elf && fail "$1: $2"; :; }

look()
{
    readelf -W -h -l -d -n --dyn-syms "$build/$1" >elf 2>/dev/null ||
        fail "$1: readelf"
    has "$1" "position independence" 'Type: +DYN'
    has "$1" "RELRO" 'GNU_RELRO'
    has "$1" "binding at start (-z now)" 'FLAGS_1.* NOW'
    has "$1" "stack that is not executable" 'GNU_STACK .* RW +0x'
    lacks "$1" "relocations in its code" 'TEXTREL'
    lacks "$1" "a segment to write to and execute" '(LOAD|STACK) .* RWE '
    has "$1" "stack protector" ' __stack_chk_fail(@| |$)'
    if [ "$fortified" = yes ]; then
        has "$1" "checked functions of the C library" ' __[a-z0-9]*_chk(@| |$)'
    fi
}

# A sanitizer, or flags that do not optimize, leave _FORTIFY_SOURCE out.
fortified=no
grep -Eq '^(XD_CFLAGS|CPPFLAGS|CFLAGS) = .*-D_FORTIFY_SOURCE=[123]' \
    "$build/Makefile" && fortified=yes
[ "$fortified" = yes ] || echo "$name: built without _FORTIFY_SOURCE"

for program in xl-dedup xl-dedup-parse xl-dedup-attach xl; do
    look $program
    has $program "flag of a position independent program" 'FLAGS_1.* PIE'
done
look .libs/libxlhooks.so
lacks libxlhooks.so "linked as a program" 'FLAGS_1.* PIE|INTERP'

# A frame of more than a page is touched page by page, and what is called
# through a pointer begins with a mark.  (The note that says so of a whole
# program is lost in Debian, whose crt1.o does not have it.)
case $(uname -m) in
x86_64)
    for file in xl-dedup xl-dedup-parse .libs/libxlhooks.so; do
        objdump -d --no-show-raw-insn "$build/$file" >code || fail objdump
        grep -Eq '(or|mov)[ql] +\$0x0,\(%rsp\)' code ||
            fail "$file: no protection from stack clashes"
        [ "$(grep -c 'endbr64' code)" -ge 20 ] ||
            fail "$file: no control flow protection"
    done
    ;;
esac
pass "hardening (_FORTIFY_SOURCE: $fortified)"
