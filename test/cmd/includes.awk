# SPDX-License-Identifier: GPL-2.0-or-later
# Judges the includes of the files that it is given, which are all of a tree:
#   awk -f includes.awk $(find plugin libxlhooks fsparse -name '*.[ch]')
# Prints a line for each include that is not allowed, and the circles of files;
# exits with 1 if there was anything.
#
# The folders stand on floors, and a file includes what is below its floor or in
# its own folder.  A module is a .c and its .h.  It needs those whose headers it
# includes and those whose functions it names, wherever they are declared;
# inside a folder no module needs one that needs it.  Functions are known by the
# layout that the sources have: a definition begins in the first column.

BEGIN {
    floor["base"] = floor["proto"] = floor["fsparse"] = 1
    floor["image"] = floor["wire"] = floor["match"] = 2
    floor["content"] = floor["track"] = floor["memory"] = 3
    floor["index"] = floor["state"] = 4
    floor["source"] = floor["target"] = 5
    floor["xl"] = 6
    floor["cmd"] = floor["libxlhooks"] = 7

    # libxlhooks is loaded into xl, so it takes little of the plugin.
    hooks_may["plugin/xl/control.h"] = 1
    hooks_may["plugin/image/blockdev.h"] = 1

    for (i = 1; i < ARGC; i++) {
        exists[ARGV[i]] = 1
        if (!(module(ARGV[i]) in number))
            name[number[module(ARGV[i])] = ++modules] = module(ARGV[i])
    }
}

# The folder of a file, by the name that it has in the table of floors.
function folder(file, part, n)
{
    n = split(file, part, "/")
    if (part[1] != "plugin")
        return part[1]
    if (n == 2)
        return part[2] ~ /^proto\.[ch]$/ ? "proto" : part[2]
    return part[2]
}

function module(file)
{
    sub(/\.[ch]$/, "", file)
    return file
}

function fault(text)
{
    print FILENAME ":" FNR ": " text
    faults++
}

function judge(header, from, to)
{
    from = folder(FILENAME)
    to = folder(header)
    if (!(from in floor))
        return fault(from " is on no floor")
    if (!(header in exists))
        return fault("there is no " header)
    if (!(to in floor))
        return fault("includes " header ", and " to " is on no floor")
    if (from == to) {
        keep(module(FILENAME), module(header),
             FILENAME ":" FNR ": includes " header)
    } else if (from == "libxlhooks") {
        if (!(header in hooks_may) && to != "base")
            fault("includes " header ": of the plugin, libxlhooks may" \
                  " include base, xl/control.h and image/blockdev.h only")
    } else if (floor[to] > floor[from]) {
        fault("includes " header ": up, from " from " on floor " \
              floor[from] " to " to " on floor " floor[to])
    } else if (floor[to] == floor[from]) {
        fault("includes " header ": across, " from " and " to \
              " are both on floor " floor[from])
    }
}

# Notes that a module needs another of its folder, and where that is to be seen.
function keep(from, to, place)
{
    if (from == to || folder(from ".c") != folder(to ".c"))
        return
    from = number[from]
    to = number[to]
    needy[from] = needs[from, to] = 1
    where[from, to] = where[from, to] "    " place "\n"
}

# The line without comments and strings.
function code(line, kept)
{
    gsub(/'(\\.|[^'\\])'/, "0", line)
    for (;;) {
        if (in_comment) {
            if (!match(line, /\*\//))
                return kept
            in_comment = 0
        } else {
            if (!match(line, /\/\*|"([^"\\]|\\.)*"/))
                return kept line
            kept = kept substr(line, 1, RSTART - 1)
            in_comment = substr(line, RSTART, 1) == "/"
        }
        line = substr(line, RSTART + RLENGTH)
    }
}

# Notes the functions that a line of code names, and the one that it defines.
function look(line, word, before, defines)
{
    defines = FILENAME ~ /\.c$/ && line ~ /^[a-z]/ && line !~ /;$/ &&
        line !~ /^(static|typedef|enum) /
    while (match(line, /[A-Za-z_][A-Za-z_0-9]*/)) {
        word = substr(line, RSTART, RLENGTH)
        before = substr(line, 1, RSTART - 1)
        line = substr(line, RSTART + RLENGTH)
        if (defines && line ~ /^\(/) {
            home[word] = module(FILENAME)
            defines = 0
        } else if (FILENAME ~ /\.c$/ && before !~ /(\.|->)$/ &&
                   !((FILENAME, word) in used)) {
            used[FILENAME, word] = FNR
            uses[++num_uses] = FILENAME SUBSEP word
        }
    }
}

function calls(n, part, use)
{
    for (n = 1; n <= num_uses; n++) {
        use = uses[n]
        split(use, part, SUBSEP)
        if (part[2] in home)
            keep(module(part[1]), home[part[2]],
                 part[1] ":" used[use] ": calls " part[2])
    }
}

FNR == 1 { in_comment = 0 }

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    if (quoted[2] != "config.h")
        judge(quoted[2])
    next
}

{ look(code($0)) }

# Modules that reach each other, by whatever way, are one circle.
function circles(a, b, c, line, members, shown)
{
    for (b = 1; b <= modules; b++)
        for (a = 1; a <= modules; a++)
            if ((b in needy) && ((a, b) in needs))
                for (c = 1; c <= modules; c++)
                    if ((b, c) in needs)
                        needs[a, c] = 1
    for (a = 1; a <= modules; a++) {
        if (a in shown || !((a, a) in needs))
            continue
        members = line = ""
        for (b = 1; b <= modules; b++) {
            if (!((a, b) in needs) || !((b, a) in needs))
                continue
            shown[b] = 1
            members = members " " name[b]
            for (c = 1; c <= modules; c++)
                if ((b, c) in where && (c, a) in needs)
                    line = line where[b, c]
        }
        print "a circle of files, none of which can be had without the others:" \
            members
        printf "%s", line
        faults++
    }
}

END {
    calls()
    circles()
    exit faults > 0
}
