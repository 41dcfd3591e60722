# Named in MAKEFILES, this is read by every make of an `npm ci`, and gives librdkafka's a job for each core.
# node-rdkafka's build calls `make libs install` for librdkafka, which is most of the work. The make around it stays serial, because
# with several jobs it would compile before it has configured: so `JOBS=max`, which node-gyp reads, breaks that build.
ifneq ($(filter libs,$(MAKECMDGOALS)),)
MAKEFLAGS += --jobs=$(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
endif
