#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build-image.sh [RELEASE]: builds what an emulated host of a Debian release
# boots from, once, into the cache; without an argument, what the two hosts
# need (lib.sh):
#
#   dom0.img       root file system of a Debian dom0 (ext4, no partitions)
#   xen vmlinux initrd     hypervisor and dom0 kernel, unpacked: unpacking
#                          them under emulation costs seconds at every boot
#   vmlinuz                the kernel as Debian has it, for HVM guests
#   guest.cpio     busybox, modules and ntfs-3g: the guest's initrd without
#                  our own programs, which are added when the tests run
#   guest.img reference.img    two disk images that share most of an OS and
#                  nothing of their layout
#   ntfs.img       an NTFS volume with some of the same files
#
# Beside these lies the key that opens root on both hosts.
#
# Needs root, the packages listed in the file packages beside this script,
# and apt sources on this machine whose mirror has the release.  Does nothing
# if the cache was made by this same recipe.  About two minutes, 0.9 GB.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

if [ $# -eq 0 ]; then
    "$0" "$bed_release_a"
    [ "$bed_release_a" = "$bed_release_b" ] || "$0" "$bed_release_b"
    exit 0
fi
release=$1
bed_cache=$(cache_of "$release")

need_tools mmdebstrap mke2fs sfdisk mkntfs ntfscp cpio xz zstd gcc ssh-keygen

# What is not the same in all releases.
case $release in
bookworm) xen=4.17 libext2fs=libext2fs2 ;;
trixie) xen=4.20 libext2fs=libext2fs2t64 ;;
*) die "the hosts can be of bookworm or trixie, not of $release" ;;
esac

if [ ! -e "$bed_key.pub" ]; then
    mkdir -p "$(dirname "$bed_key")"
    rm -f "$bed_key"
    ssh-keygen -q -t ed25519 -N '' -C xl-dedup-bed -f "$bed_key"
fi
recipe=$(cat "$0" "$bed_src"/dom0/* "$bed_key.pub" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$bed_cache/recipe" 2>/dev/null)" = "$recipe" ]; then
    exit 0
fi

note "building the image of a host of $release in $bed_cache"
mkdir -p "$bed_cache"
rm -f "$bed_cache/recipe"
work=$(mktemp -d "$bed_cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

# No systemd: see dom0/bed-init.
packages=(
    "xen-hypervisor-$xen-amd64" "xen-utils-$xen" qemu-system-xen
    linux-image-amd64
    openssh-server openssh-client iproute2 procps
    e2fsprogs ntfs-3g fdisk lvm2 dmsetup blktrace busybox-static openssl
    libsodium23 libzstd1 libjson-c5 libblkid1 "$libext2fs" libseccomp2 liblmdb0
)
excluded=(
    '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*'
    '/lib/modules/*/kernel/sound/*'
    '/lib/modules/*/kernel/drivers/gpu/*'
    '/lib/modules/*/kernel/drivers/media/*'
    '/lib/modules/*/kernel/drivers/infiniband/*'
    '/lib/modules/*/kernel/drivers/net/wireless/*'
    '/lib/modules/*/kernel/drivers/net/ethernet/*'
    '/lib/modules/*/kernel/drivers/scsi/*'
    '/lib/modules/*/kernel/drivers/iio/*'
    '/lib/modules/*/kernel/drivers/staging/*'
)

# The sources of this machine, so that its mirror and proxy are used; for another
# release those of Debian, with its name instead.
sources=()
mkdir "$work/sources"
suite='(^|[[:blank:]])(bookworm|trixie)\>'
own=$(. /etc/os-release; echo "${VERSION_CODENAME:-}")
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
        /etc/apt/sources.list.d/*.sources; do
    [ -s "$file" ] || continue
    if [ "$release" != "$own" ]; then
        grep -qE "$suite" "$file" || continue
        sed -E "s/$suite/\\1$release/g" "$file" \
            >"$work/sources/${file##*/}"
        file=$work/sources/${file##*/}
    fi
    sources+=("$file")
done
{
    printf '%s\n' "${excluded[@]/#/path-exclude=}"
    # What the disk of an HVM guest needs.
    printf 'path-include=/lib/modules/*/kernel/drivers/scsi/%s.ko*\n' \
        sd_mod scsi_mod scsi_common
} | sed 'p; s|=/lib/|=/usr/lib/|; t; d' >"$work/dpkg.cfg"
chmod -R go+rX "$work"
# INITRD=No: Debian's initrd would be thrown away.
INITRD=No mmdebstrap --quiet --mode=root --variant=minbase \
    --dpkgopt="$work/dpkg.cfg" --include="$(IFS=,; echo "${packages[*]}")" \
    "$release" "$root" "${sources[@]}"

# --- hypervisor and kernel ------------------------------------------------

kernel=$(basename "$root"/lib/modules/*)
gunzip -c "$root/boot/xen-$xen-amd64.gz" >"$work/xen"

# unpack_kernel BZIMAGE: the ELF image inside, found as the boot protocol
# says (setup_sects at 0x1f1, payload offset and length at 0x248), packed with
# xz or zstd.
unpack_kernel()
{
    local sectors offset length payload=$work/payload

    sectors=$(od -An -tu1 -j 497 -N 1 "$1")
    read -r offset length < <(od -An -tu4 -j 584 -N 8 "$1")
    dd if="$1" bs=64k iflag=skip_bytes,count_bytes,fullblock status=none \
        skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) \
        >"$payload"
    if [ "$(od -An -tx4 -N 4 "$payload")" = ' fd2fb528' ]; then
        zstd -dqc "$payload"
    else
        xz -dc "$payload"
    fi
}
unpack_kernel "$root/boot/vmlinuz-$kernel" >"$work/vmlinux"
cp "$root/boot/vmlinuz-$kernel" "$work/vmlinuz"

# --- initrds ---------------------------------------------------------------

# add_modules DIRECTORY LIST MODULE...: copies the modules and what they need,
# unpacked, and writes down the order of loading, in modules/LIST.
add_modules()
{
    local dir=$1 list=$2 module path

    shift 2
    mkdir -p "$dir/modules"
    for module; do
        chroot "$root" modprobe -S "$kernel" --show-depends "$module"
    done | while read -r verb path _; do
        [ "$verb" = insmod ] || continue
        module=${path##*/}
        module=${module%.xz}
        [ -e "$dir/modules/$module" ] && continue
        case $path in
        *.xz) xz -dc "$root$path" >"$dir/modules/$module" ;;
        *) cp "$root$path" "$dir/modules/$module" ;;
        esac
        echo "$module" >>"$dir/modules/$list"
    done
}

# start_tree DIRECTORY: busybox and the directories every initrd has.
start_tree()
{
    mkdir -p "$1"/{bin,dev,proc,sys,mnt,tmp,lib64,usr/bin,usr/sbin,sbin}
    cp "$root/usr/bin/busybox" "$1/bin/"
    ln -s busybox "$1/bin/sh"
}

pack_tree()
{
    (cd "$1" && find . | cpio --quiet -o -H newc -R 0:0)
}

start_tree "$work/host-tree"
add_modules "$work/host-tree" order virtio_pci virtio_blk ext4 crc32c_generic
install -m 755 "$bed_src/dom0/initrd-init" "$work/host-tree/init"
pack_tree "$work/host-tree" >"$work/initrd"

start_tree "$work/guest-tree"
add_modules "$work/guest-tree" order xen_blkfront ext4 crc32c_generic fuse
# For the disk that QEMU emulates for an HVM guest.
add_modules "$work/guest-tree" emulated ata_piix sd_mod
cp "$root/usr/bin/ntfs-3g" "$work/guest-tree/bin/"
chroot "$root" ldd /usr/bin/ntfs-3g | grep -o '/[^ ]*' |
    while read -r lib; do
        mkdir -p "$work/guest-tree${lib%/*}"
        cp -L "$root$lib" "$work/guest-tree$lib"
    done
pack_tree "$work/guest-tree" >"$work/guest.cpio"

# --- guest disks -----------------------------------------------------------

# Both hold the same libraries; the reference lacks something, holds
# something else instead, and has another layout: no partition table, other
# block groups, and another order of allocation.
mkdir -p "$work/os/usr/share" "$work/os/data" "$work/old/usr/share"
cp -a "$root/usr/lib/x86_64-linux-gnu" "$work/os/lib64"
# Whichever of them the release's host has.
for name in perl perl5; do
    [ ! -e "$root/usr/share/$name" ] ||
        cp -a "$root/usr/share/$name" "$work/os/usr/share/"
done
cp -a "$root/usr/share/zoneinfo" "$work/old/usr/share/"
cp -a "$work/os/lib64" "$work/old/lib64"
find "$work/old/lib64" -name 'lib[a-c]*' -type f -delete
find "$work/old/lib64" -name '*.h' -size +64k -exec sed -i '1i /* older */' {} +

truncate -s 512M "$work/guest.img"
printf 'label: gpt\nstart=2048, type=linux\n' |
    sfdisk -q "$work/guest.img"
mke2fs -q -t ext4 -b 4096 -d "$work/os" -E offset=1048576,lazy_itable_init=0 \
    -L guest "$work/guest.img" 500M
truncate -s 300M "$work/reference.img"
mke2fs -q -t ext4 -b 4096 -g 16384 -d "$work/old" -L reference "$work/reference.img"

# Content is found across file systems: a few of the same files on NTFS.
truncate -s 96M "$work/ntfs.img"
mkntfs -q -Q -F "$work/ntfs.img" >/dev/null 2>&1
find "$work/old/lib64" -maxdepth 1 -type f -size +1M |
    while read -r file; do
        ntfscp -q -f "$work/ntfs.img" "$file" "${file##*/}" >/dev/null
    done

# --- the hosts' own root ---------------------------------------------------

mkdir -p "$root/root/.ssh" "$root/bed/disks"
chmod 700 "$root/root/.ssh"
install -m 600 "$bed_key" "$root/root/.ssh/id_ed25519"
install -m 600 "$bed_key.pub" "$root/root/.ssh/authorized_keys"
install -m 600 "$bed_src/dom0/ssh_config" "$root/root/.ssh/config"
cp "$work/vmlinux" "$root/bed/vmlinux"
install -m 755 "$bed_src/dom0/bed-init" "$bed_src/dom0/guest" \
    "$root/usr/bin/"
cat >>"$root/etc/hosts" <<EOF
192.168.77.1 a
192.168.77.2 b
EOF
cat >>"$root/etc/default/xen" <<'EOF'
XENCONSOLED_ARGS="--log=guest --timestamp=guest"
EOF
# No QEMU for dom0's own sake: a minute of emulation, for qcow2 disks that
# dom0 would use itself.  Guests get theirs from libxl as ever.
sed -i 's|^QEMU=.*|QEMU=/none|' "$root/etc/init.d/xen"
echo 'UseDNS no' >"$root/etc/ssh/sshd_config.d/bed.conf"
passwd -q --root "$root" -d root
# Root is the only file system, already mounted by our initrd.
: >"$root/etc/fstab"
echo xl-dedup-bed >"$root/etc/hostname"

truncate -s 3G "$work/dom0.img"
mke2fs -q -t ext4 -O ^has_journal -L dom0 -d "$root" "$work/dom0.img"

rm -f "$bed_cache"/*.img
mv "$work"/{dom0.img,guest.img,reference.img,ntfs.img} \
    "$work"/{xen,vmlinux,vmlinuz,initrd,guest.cpio} "$bed_cache/"
echo "$recipe" >"$bed_cache/recipe"
note "image built in $SECONDS s"
