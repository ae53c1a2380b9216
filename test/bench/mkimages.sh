#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=all
# Builds the benchmark images in $BENCH_DIR/img. Usage: BENCH_DIR=dir mkimages.sh [vm2 vm3 vm1 vm3b ntfs ...] (default: all)
# Needs root, mmdebstrap, sfdisk, e2fsprogs, ntfs-3g, attr, cpio, python3, loop devices, FUSE and apt; about 12 GB of disk
# and 10 minutes on two cores. vm1 = other release, vm2 = base, vm3 = base + office (installed apart, other partition
# start), vm3b = vm3 after light use, ntfs-a = Windows-like base, ntfs-b = base + application (other alignment).
set -euo pipefail
export LC_ALL=C TZ=UTC
H=$(cd "$(dirname "$0")" && pwd); B=${BENCH_DIR:?set BENCH_DIR}; I=$B/img; W=$B/work; mkdir -p $I $W
BASE=linux-image-amd64,initramfs-tools,zstd,xserver-xorg-core,xserver-xorg-video-fbdev,xserver-xorg-input-libinput,xinit,xfce4-session,xfwm4,xfce4-panel,xfdesktop4,thunar,xfce4-terminal,xfce4-settings,mousepad,lightdm,network-manager,openssh-server,python3,vim,git,fonts-dejavu,fonts-liberation,adwaita-icon-theme,man-db,manpages,less,file,rsync,curl,gvfs,dbus-x11,policykit-1,perl,grub2-common,locales
OFFICE=libreoffice-writer,libreoffice-calc,libreoffice-gtk3

boot() { # tar suite epoch extra : one system to a tar file
  [ -s $W/$1.tar ] && return 0
  # sources: mmdebstrap's default for the suite (release, updates, security)
  SOURCE_DATE_EPOCH=$3 mmdebstrap --mode=root --variant=important --components=main \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --include=$BASE${4:+,$4} $2 $W/$1.tar.tmp --format=tar </dev/null >$W/$1.log 2>&1
  mv $W/$1.tar.tmp $W/$1.tar
}
LOOPS=(); trap 'for l in ${LOOPS[@]:-}; do umount $l 2>/dev/null||:; losetup -d $l 2>/dev/null||:; done' EXIT
lo() { L=$(losetup -f --show -o $2 ${3:+--sizelimit $3} $1); LOOPS+=($L); }
ulo() { sync; umount $1; losetup -d $2; }

mkext4() { # name gpt|mbr startMiB uuid epoch tar
  local img=$I/$1.img m=$W/mnt-$1 sz=$((4096<<20)); rm -f $img; mkdir -p $m
  truncate -s $((sz+($3<<20)+(1<<20))) $img
  if [ $2 = gpt ]; then
    printf 'label: gpt\nlabel-id: %s\nfirst-lba: 34\nstart=%d, size=%d, type=L, uuid=%s\n' $4 $(($3*2048)) $((sz/512)) $4 | sfdisk -q $img
  else printf 'label: dos\nlabel-id: 0x%s\nstart=%d, size=%d, type=83, bootable\n' ${4:0:8} $(($3*2048)) $((sz/512)) | sfdisk -q $img; fi
  lo $img $(($3<<20)) $sz
  mke2fs -q -F -t ext4 -b 4096 -U $4 -E hash_seed=$4,lazy_itable_init=0,lazy_journal_init=0 -L $1 $L
  mount -t ext4 -o noatime $L $m
  tar -C $m --xattrs --numeric-owner -xpf $6
  # per-install identity and history
  echo $4 | tr -d - > $m/etc/machine-id; echo $1 > $m/etc/hostname
  printf 'UUID=%s / ext4 errors=remount-ro 0 1\n' $4 > $m/etc/fstab
  python3 $H/gen.py log $m/var/log/syslog 4 $5
  python3 $H/gen.py log $m/var/log/journal/system.journal 8 $(($5+100))
  python3 $H/gen.py doc $m/home/user/Documents 10 $(($5+200))
  [ $1 != vm3 ] || python3 $H/gen.py db $m/var/lib/appdb/main.db $((80<<20)) 42
  fstrim $m || :
  ulo $m $L; rmdir $m
}
do_vm2() { boot vm2 bookworm 1720000000; mkext4 vm2 gpt 1 22222222-0000-4000-8000-000000000002 2 $W/vm2.tar; }
do_vm3() { boot vm3 bookworm 1730000000 $OFFICE; mkext4 vm3 mbr 2 33333333-0000-4000-8000-000000000003 3 $W/vm3.tar; }
do_vm1() { boot vm1 bullseye 1710000000; mkext4 vm1 gpt 1 11111111-0000-4000-8000-000000000001 1 $W/vm1.tar; }
do_vm3b() { # a user's return trip
  local img=$I/vm3b.img m=$W/mnt-vm3b; mkdir -p $m
  rm -f $img; cp --sparse=always $I/vm3.img $img
  lo $img $((2<<20)) $((4096<<20)); mount -t ext4 -o noatime $L $m
  # security updates (all but the kernel)
  # (vm3 was installed with them; to get a real package set of that size they are taken back to the point release)
  cp $m/etc/apt/sources.list $W/sources.keep; grep -E ' bookworm main' $W/sources.keep > $m/etc/apt/sources.list
  printf 'Package: *\nPin: release n=bookworm\nPin-Priority: 1001\n' > $m/etc/apt/preferences.d/pin
  cp $m/etc/resolv.conf $W/resolv.keep 2>/dev/null || :; rm -f $m/etc/resolv.conf; cp -L /etc/resolv.conf $m/etc/resolv.conf 2>/dev/null || :
  cp -L /etc/hosts $W/hosts 2>/dev/null || :
  mount -t proc proc $m/proc; mount --bind /dev $m/dev
  printf '#!/bin/sh\nexit 101\n' > $m/usr/sbin/policy-rc.d; chmod +x $m/usr/sbin/policy-rc.d
  for f in /etc/apt/apt.conf.d/*proxy*; do [ -e $f ] && cp $f $m/etc/apt/apt.conf.d/ || :; done
  { chroot $m apt-get -q update
    chroot $m apt-mark hold linux-image-amd64
    DEBIAN_FRONTEND=noninteractive chroot $m apt-get -qy --allow-downgrades -o Dpkg::Options::=--force-confold dist-upgrade
    chroot $m apt-get clean; } >$W/vm3b.log 2>&1
  cp $W/sources.keep $m/etc/apt/sources.list; umount $m/dev $m/proc; rm -f $m/etc/apt/preferences.d/pin $m/usr/sbin/policy-rc.d $m/etc/apt/apt.conf.d/*proxy*
  # use: logs grow, documents appear, database pages change, files edited and deleted
  python3 $H/gen.py log $m/var/log/syslog 2 900
  python3 $H/gen.py log $m/var/log/journal/system.journal 3 901
  python3 $H/gen.py doc $m/home/user/Documents/new 40 902
  python3 $H/gen.py dbmod $m/var/lib/appdb/main.db 3 903
  for f in $(cd $m && find etc -type f -name '*.conf' | sort | head -30); do echo "# edited" >> $m/$f; done
  (cd $m && find usr/share/doc -type f -size +20k | sort | awk 'NR%10==0' | head -200 | xargs rm -f)
  (cd $m/home/user/Documents && ls doc* | awk 'NR%5==0' | xargs rm -f)
  ulo $m $L; rmdir $m; e2fsck -n -f "$img?offset=$((2<<20))" 2>&1 | tail -1 || :
}
do_vm3bz() { # vm3b with its free blocks zeroed (holes)
  rm -f $I/vm3bz.img; truncate -s $(stat -c %s $I/vm3b.img) $I/vm3bz.img; dd if=$I/vm3b.img of=$I/vm3bz.img bs=1M count=2 conv=notrunc status=none
  e2image -ra -O $((2<<20)) -o $((2<<20)) $I/vm3b.img $I/vm3bz.img >/dev/null 2>&1
}
do_vm3s() { # vm3's files once more, written in random order: an aged layout
  local img=$I/vm3s.img m=$W/mnt-vm3s r=$W/mnt-vm3r u=33333333-0000-4000-8000-0000000000f3 lr; mkdir -p $m $r; rm -f $img
  truncate -s $((4099<<20)) $img
  printf 'label: dos\nlabel-id: 0x33333333\nstart=4096, size=8388608, type=83, bootable\n' | sfdisk -q $img
  lo $I/vm3.img $((2<<20)) $((4096<<20)); lr=$L; mount -t ext4 -o ro,noload $lr $r
  lo $img $((2<<20)) $((4096<<20)); mke2fs -q -F -t ext4 -b 4096 -U $u -E hash_seed=$u,lazy_itable_init=0,lazy_journal_init=0 $L; mount -t ext4 -o noatime $L $m
  (cd $r; find . -type d -print0 | cpio -pdm0 --quiet $m; find . ! -type d -print0 | shuf -z --random-source=<(yes 1) | cpio -pdm0 --quiet $m)
  ulo $m $L; umount $r; losetup -d $lr; rmdir $m $r
}
getdeb() { ( mkdir -p $W/debs && cd $W/debs && for p in "$@"; do ls ${p}_*.deb >/dev/null 2>&1 || apt-get -q download $p/bookworm >/dev/null 2>&1 || apt-get -q download $p >/dev/null; done; ); }
mkntfsimg() { # name startsector id seed
  local img=$I/$1.img m=$W/mnt-$1 sz=$((2560<<20)); rm -f $img; mkdir -p $m
  truncate -s $((sz+$2*512+(1<<20))) $img
  printf 'label: dos\nlabel-id: 0x%s\nstart=%d, size=%d, type=7, bootable\n' $3 $2 $((sz/512)) | sfdisk -q --force $img
  lo $img $(($2*512)) $sz; mkntfs -q -Q -F -c 4096 -p $2 -H 255 -S 63 -L $1 $L
  ntfs-3g -o compression,streams_interface=windows,big_writes,noatime $L $m
  N=$m; NL=$L
}
compress() { mkdir -p "$1"; setfattr -h -n system.ntfs_attrib_be -v 0x00000810 "$1"; }
base_win() { # mountpoint seed order
  local m=$1 X=$W/x; mkdir -p $m/Windows/System32/config $m/Windows/WinSxS $m/Windows/nls $m/Users/user/Documents "$m/Program Files" $m/ProgramData
  local w=$X/libwine/usr/lib/x86_64-linux-gnu/wine/x86_64-windows f
  for f in $(ls $w | sort $3); do cp $w/$f $m/Windows/System32/$f; done
  # WinSxS as hard links for every 4th file
  for f in $(ls $w | awk 'NR%4==0'); do mkdir -p $m/Windows/WinSxS/amd64_$f; ln $m/Windows/System32/$f $m/Windows/WinSxS/amd64_$f/$f; done
  cp $X/libwine/usr/share/wine/nls/* $m/Windows/nls/
  mkdir -p "$m/Program Files/SDK"; cp -r --no-preserve=all $X/mingw-w64-x86-64-dev/usr/share/mingw-w64/include "$m/Program Files/SDK/include" 2>/dev/null || \
    cp -r --no-preserve=all $X/mingw-w64-common/usr/share/mingw-w64/include "$m/Program Files/SDK/include"
  cp -rL --no-preserve=all $X/mingw-w64-x86-64-dev/usr/x86_64-w64-mingw32/lib "$m/Program Files/SDK/lib"
  mkdir -p "$m/Program Files/Python"; cp -r --no-preserve=all $X/libpython3.11-stdlib/usr/lib/python3.11 "$m/Program Files/Python/Lib"
  compress $m/ProgramData/packed; cp -r --no-preserve=all $X/libpython3.11-testsuite/usr/lib/python3.11/test $m/ProgramData/packed/
  for i in $(seq 1 2000); do echo "resident file $i $(( i*7919 % 10007 ))" > $m/Users/user/Documents/r$i.ini; done      # small resident files
  for i in $(seq 1 40); do printf '[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=http://example/%d\r\n' $i > "$m/Users/user/Documents/r$i.ini:Zone.Identifier"; done
  head -c 300000 $w/kernel32.dll > "$m/Users/user/Documents/r1.ini:big"
  for i in 1 2 3; do f=$m/ProgramData/sparse$i.dat; truncate -s 64M $f; head -c 1000000 $w/ntdll.dll | dd of=$f bs=1M seek=$((i*9)) conv=notrunc status=none; done
  python3 $H/gen.py db $m/Windows/System32/config/SOFTWARE $((40<<20)) 77
  python3 $H/gen.py db $m/Windows/System32/config/SYSTEM $((12<<20)) 78
  python3 $H/gen.py log $m/Windows/System32/winevt.evtx 6 79
}
do_ntfs() {
  getdeb libwine mingw-w64-x86-64-dev mingw-w64-common gcc-mingw-w64-x86-64-win32-runtime libpython3.11-stdlib libpython3.11-testsuite libreoffice-core libreoffice-common libreoffice-calc libreoffice-writer libreoffice-draw libreoffice-impress
  for d in $W/debs/*.deb; do p=$(basename $d); p=${p%%_*}; [ -d $W/x/$p ] || { mkdir -p $W/x/$p; dpkg -x $d $W/x/$p; }; done
  mkntfsimg ntfs-a 63 0a0a0a0a; base_win $N 1 ""; ulo $N $NL; sleep 1
  mkntfsimg ntfs-b 2048 0b0b0b0b; base_win $N 2 "-r"
  # differences of the second system: registry and event log moved on, an application is installed, one directory now compressed
  python3 $H/gen.py dbmod $N/Windows/System32/config/SOFTWARE 3 801
  python3 $H/gen.py dbmod $N/Windows/System32/config/SYSTEM 5 802
  python3 $H/gen.py log $N/Windows/System32/winevt.evtx 2 803
  compress "$N/ProgramData/sdkcopy"; cp -r --no-preserve=all "$N/Program Files/SDK/include" $N/ProgramData/sdkcopy/
  for p in libreoffice-core libreoffice-common libreoffice-calc libreoffice-writer libreoffice-draw libreoffice-impress; do
    mkdir -p "$N/Program Files/App/$p"; cp -r --no-preserve=all --no-dereference $W/x/$p/usr/. "$N/Program Files/App/$p/" 2>/dev/null || :; done
  mkdir -p "$N/Program Files/Toolchain"; cp -rL --no-preserve=all $W/x/gcc-mingw-w64-x86-64-win32-runtime/usr/. "$N/Program Files/Toolchain/" 2>/dev/null || :
  python3 $H/gen.py doc $N/Users/user/Documents/new 10 804
  ulo $N $NL; sleep 1
}
for t in ${@:-vm2 vm3 vm1 ntfs vm3b vm3bz vm3s}; do echo "== $t $(date +%T)"; do_$t; done
rmdir $W/mnt-* 2>/dev/null || :; ls -lsh $I
