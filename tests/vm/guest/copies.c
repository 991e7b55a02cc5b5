// SPDX-License-Identifier: MIT
/*
 * copies: what a program does with stock nouveau, by its ioctls alone: buffers
 * in system memory and VRAM, channels, copies by M2MF and both copy engines,
 * waits by fence, several channels and processes at once, and one channel that
 * dies of a bad address while the next one works.
 *
 * Prints "copies: ..." lines; exit code 0 only if every word was right.
 * Interface: uapi/drm/nouveau_drm.h.  Methods: classes 9039, 90b5 and 90b8 as
 * nouveau's own nouveau_bo9039.c and nouveau_bo90b5.c use them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <drm.h>
#include <nouveau_drm.h>

#define LEN (256u << 10)
#define WORDS (LEN / 4)
#define PITCH 4096u
#define PROCESSES 2
#define CHANNELS 2
#define ROUNDS 3

/* Not in every installed header [uapi/drm/nouveau_drm.h]. */
struct channel_alloc {
	uint32_t fb, tt;
	int32_t channel;
	uint32_t pushbuf_domains, notifier;
	struct {
		uint32_t handle, grclass;
	} subchan[8];
	uint32_t nr_subchan;
};
struct grobj_alloc {
	int32_t channel;
	uint32_t handle;
	int32_t class;
};
struct channel_free {
	int32_t channel;
};
#define IOCTL_CHANNEL_ALLOC DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct channel_alloc)
#define IOCTL_CHANNEL_FREE DRM_IOW(DRM_COMMAND_BASE + 0x03, struct channel_free)
#define IOCTL_GROBJ_ALLOC DRM_IOW(DRM_COMMAND_BASE + 0x04, struct grobj_alloc)
#define IOCTL_GEM_NEW DRM_IOWR(DRM_COMMAND_BASE + 0x40, struct drm_nouveau_gem_new)
#define IOCTL_GEM_PUSHBUF DRM_IOWR(DRM_COMMAND_BASE + 0x41, struct drm_nouveau_gem_pushbuf)
#define IOCTL_GEM_CPU_PREP DRM_IOW(DRM_COMMAND_BASE + 0x42, struct drm_nouveau_gem_cpu_prep)

struct buffer {
	uint32_t handle, domain;
	uint64_t va;
	volatile uint32_t *mem;
};

struct engine {
	const char *name;
	uint32_t class, subchan, id; /* id: PFIFO's, as SET_OBJECT names it above the class */
};
/* Subchannels as nouveau's own programs use them: copies on 4. */
static const struct engine engines[] = {
	{ "M2MF", 0x9039, 2, 0 }, { "CE0", 0x90b5, 4, 4 }, { "CE1", 0x90b8, 4, 5 },
};

struct job {
	int fd;
	int channel;
	struct buffer src, vram, dst, push;
	uint32_t n; /* words in push */
};

static int failed(const char *what)
{
	printf("copies: %s: %s\n", what, strerror(errno));
	return -1;
}

static int buffer_new(int fd, uint32_t domain, struct buffer *b)
{
	struct drm_nouveau_gem_new r = { .info = { .size = LEN, .domain = domain | NOUVEAU_GEM_DOMAIN_MAPPABLE },
					 .align = 4096 };
	void *mem;

	if (ioctl(fd, IOCTL_GEM_NEW, &r))
		return failed("buffer");
	mem = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)r.info.map_handle);
	if (mem == MAP_FAILED)
		return failed("mapping");
	*b = (struct buffer){ r.info.handle, domain, r.info.offset, mem };
	return 0;
}

static int channel_new(struct job *j, const struct engine *e)
{
	struct channel_alloc c = { .fb = 0xbeef0201, .tt = 0xbeef0202 };
	struct grobj_alloc o = { .handle = 0x1000 + e->class, .class = (int32_t)e->class };

	if (ioctl(j->fd, IOCTL_CHANNEL_ALLOC, &c))
		return failed("channel");
	j->channel = o.channel = c.channel;
	return ioctl(j->fd, IOCTL_GROBJ_ALLOC, &o) ? failed(e->name) : 0;
}

static void method(struct job *j, uint32_t subchan, uint32_t mthd, uint32_t count)
{
	j->push.mem[j->n++] = 0x20000000 | count << 16 | subchan << 13 | mthd >> 2;
}

static void address(struct job *j, uint64_t va)
{
	j->push.mem[j->n++] = (uint32_t)(va >> 32);
	j->push.mem[j->n++] = (uint32_t)va;
}

static void layout(struct job *j)
{
	j->push.mem[j->n++] = PITCH;
	j->push.mem[j->n++] = PITCH;
	j->push.mem[j->n++] = PITCH;
	j->push.mem[j->n++] = LEN / PITCH;
}

static void copy(struct job *j, const struct engine *e, uint64_t from, uint64_t to)
{
	if (e->class == 0x9039) {
		method(j, e->subchan, 0x238, 2);
		address(j, to);
		method(j, e->subchan, 0x30c, 6);
		address(j, from);
	} else {
		method(j, e->subchan, 0x30c, 8);
		address(j, from);
		address(j, to);
	}
	layout(j);
	method(j, e->subchan, 0x300, 1);
	j->push.mem[j->n++] = 0x110; /* pitch to pitch */
}

static int submit(struct job *j)
{
	struct buffer *all[] = { &j->src, &j->vram, &j->dst, &j->push };
	struct drm_nouveau_gem_pushbuf_bo bo[4] = { 0 };
	struct drm_nouveau_gem_pushbuf_push push = { .bo_index = 3, .length = j->n * 4 };
	struct drm_nouveau_gem_pushbuf r = { .channel = (uint32_t)j->channel,
					     .nr_buffers = 4,
					     .buffers = (uintptr_t)bo,
					     .nr_push = 1,
					     .push = (uintptr_t)&push };

	for (int i = 0; i < 4; i++) {
		bo[i].handle = all[i]->handle;
		bo[i].valid_domains = all[i]->domain;
		bo[i].read_domains = all[i]->domain;
		bo[i].write_domains = i == 3 ? 0 : all[i]->domain;
	}
	return ioctl(j->fd, IOCTL_GEM_PUSHBUF, &r) ? failed("pushbuf") : 0;
}

static int wait_for(struct job *j, const struct buffer *b)
{
	struct drm_nouveau_gem_cpu_prep r = { .handle = b->handle };

	return ioctl(j->fd, IOCTL_GEM_CPU_PREP, &r) ? failed("wait") : 0;
}

static uint32_t pattern(uint32_t i, uint32_t seed)
{
	return (i + seed) * 2654435761u ^ seed;
}

/* System memory to VRAM and back. */
static int round_trip(struct job *j, const struct engine *e, uint32_t seed)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < WORDS; i++)
		j->src.mem[i] = pattern(i, seed);
	j->n = 0;
	method(j, e->subchan, 0, 1);
	j->push.mem[j->n++] = e->id << 16 | e->class;
	copy(j, e, j->src.va, j->vram.va);
	copy(j, e, j->vram.va, j->dst.va);
	if (submit(j) || wait_for(j, &j->dst))
		return -1;
	for (uint32_t i = 0; i < WORDS; i++)
		bad += j->dst.mem[i] != pattern(i, seed);
	if (bad)
		printf("copies: %s: %u of %u words wrong\n", e->name, bad, WORDS);
	return bad ? -1 : 0;
}

static int job_open(struct job *j, int fd, const struct engine *e)
{
	memset(j, 0, sizeof *j);
	j->fd = fd;
	if (channel_new(j, e))
		return -1;
	if (buffer_new(fd, NOUVEAU_GEM_DOMAIN_GART, &j->src) ||
	    buffer_new(fd, NOUVEAU_GEM_DOMAIN_VRAM, &j->vram) ||
	    buffer_new(fd, NOUVEAU_GEM_DOMAIN_GART, &j->dst))
		return -1;
	return buffer_new(fd, NOUVEAU_GEM_DOMAIN_GART, &j->push);
}

static int node(void)
{
	int fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);

	return fd < 0 ? failed("render node") : fd;
}

static int process(uint32_t seed)
{
	struct job job[3][CHANNELS];
	int fd = node();

	if (fd < 0)
		return 1;
	for (int e = 0; e < 3; e++)
		for (int c = 0; c < CHANNELS; c++)
			if (job_open(&job[e][c], fd, &engines[e]))
				return 1;
	for (uint32_t r = 0; r < ROUNDS; r++)
		for (int e = 0; e < 3; e++)
			for (int c = 0; c < CHANNELS; c++)
				if (round_trip(&job[e][c], &engines[e], seed + r * 16 + (uint32_t)c))
					return 1;
	close(fd);
	return 0;
}

/* A copy from where nothing is mapped: that channel ends, a new one works. */
static int fault(void)
{
	struct job bad, good;
	struct channel_free cf;
	int fd = node();

	if (fd < 0 || job_open(&bad, fd, &engines[0]))
		return 1;
	method(&bad, 2, 0, 1);
	bad.push.mem[bad.n++] = engines[0].class;
	copy(&bad, &engines[0], 0xdead000000ull, bad.dst.va);
	if (submit(&bad))
		return 1;
	/* The wait ends either way: with the channel's end. */
	wait_for(&bad, &bad.dst);
	cf.channel = bad.channel;
	ioctl(fd, IOCTL_CHANNEL_FREE, &cf);
	close(fd);
	fd = node();
	if (fd < 0 || job_open(&good, fd, &engines[0]))
		return 1;
	return round_trip(&good, &engines[0], 99) ? 1 : 0;
}

int main(int argc, char **argv)
{
	int bad = 0, status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "fault"))
		return fault();
	for (uint32_t p = 0; p < PROCESSES; p++)
		if (!fork())
			_exit(process(1000 * (p + 1)));
	while (wait(&status) > 0)
		bad += status != 0;
	printf("copies: %d processes, %d channels on each of %d engines, %d rounds: %d failed\n",
	       PROCESSES, CHANNELS, 3, ROUNDS, bad);
	return bad != 0;
}
