EXTRA_DIST += \
	%D%/bench.sh \
	%D%/gen.py \
	%D%/grow-stream.py \
	%D%/link.pl \
	%D%/link.sh \
	%D%/memory.sh \
	%D%/mkimages.sh \
	%D%/pack.py
