#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Deterministic synthetic content.
  gen.py db PATH SIZE SEED            database-like file of 4 KiB pages (compressible about 3:1)
  gen.py dbmod PATH PERCENT SEED      rewrite PERCENT of the pages in place
  gen.py doc DIR MB SEED              documents: half text-like, half incompressible (odt/jpeg-like)
  gen.py log PATH MB SEED             append syslog-like lines
"""
import sys, os, random, struct, hashlib, zlib
WORDS=None
def words():
    global WORDS
    r=random.Random(7); WORDS=[''.join(r.choice('etaoinshrdlucmfwypvbgk') for _ in range(r.randint(2,10))) for _ in range(6000)]
    return WORDS
def page(no, gen, r):
    out=bytearray(struct.pack('<IIQHH',0xDB0DB0,no,gen,4096,0))
    k=no*40
    while len(out)<3900:
        k+=r.randint(1,3)
        rec=struct.pack('<QIId',k,r.getrandbits(32),1700000000+r.randint(0,10**7),r.random()*1000)
        rec+=' '.join(r.choices(WORDS,k=r.randint(4,12))).encode()
        out+=struct.pack('<H',len(rec))+rec
    out=out[:4092].ljust(4092,b'\0'); return bytes(out)+struct.pack('<I',zlib.crc32(out))
def main():
    words(); op=sys.argv[1]
    if op=='db':
        p,size,seed=sys.argv[2],int(sys.argv[3]),int(sys.argv[4]); r=random.Random(seed)
        os.makedirs(os.path.dirname(p),exist_ok=True)
        with open(p,'wb') as f:
            for i in range(size//4096): f.write(page(i,seed,r))
    elif op=='dbmod':
        p,pc,seed=sys.argv[2],float(sys.argv[3]),int(sys.argv[4]); r=random.Random(seed)
        n=os.path.getsize(p)//4096
        with open(p,'r+b') as f:
            for i in sorted(r.sample(range(n),int(n*pc/100))):
                f.seek(i*4096); f.write(page(i,seed,r))
    elif op=='doc':
        d,mb,seed=sys.argv[2],float(sys.argv[3]),int(sys.argv[4]); r=random.Random(seed); os.makedirs(d,exist_ok=True)
        left=int(mb*1e6); i=0
        while left>0:
            n=min(left,int(r.lognormvariate(12.5,1.2))+2000)
            if i%2: data=r.randbytes(n); ext='.odt'
            else:
                t=[]; l=0
                while l<n:
                    s=' '.join(r.choices(WORDS,weights=None,k=14))+'.\n'; t.append(s); l+=len(s)
                data=''.join(t).encode()[:n]; ext='.txt'
            open(os.path.join(d,'doc%04d%s'%(i,ext)),'wb').write(data); left-=n; i+=1
    elif op=='log':
        p,mb,seed=sys.argv[2],float(sys.argv[3]),int(sys.argv[4]); r=random.Random(seed); os.makedirs(os.path.dirname(p),exist_ok=True)
        n=0; t=1700000000+seed*86400
        with open(p,'ab') as f:
            while n<mb*1e6:
                t+=r.randint(0,30)
                s='%d host%d %s[%d]: %s\n'%(t,seed%7,r.choice(['systemd','kernel','sshd','NetworkManager','cron','dbus-daemon']),r.randint(1,9999),' '.join(r.choices(WORDS[:400],k=r.randint(5,14))))
                f.write(s.encode()); n+=len(s)
main()
