/* SPDX-License-Identifier: MIT */
/*
 * One GPU for several processes: the service, and programs' ends of it, in one
 * process.  Each struct remote stands for a process.
 */
#ifndef TESTS_UNIT_DRV_SERVE_H
#define TESTS_UNIT_DRV_SERVE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "gpuvm/base/clock.h"
#include "pv-driver/drm/remote_private.h"
#include "pv-driver/drm/serve/private.h"
#include "tests/unit/drv/card.h"

struct world {
	struct card k;
	struct serve *serve;
	pthread_t thread;
	char name[64];
};
struct prog { /* a process with the node open */
	struct remote *r;
	int fd;
	uint64_t node;
};

static inline int start(void *arg, struct nvdrm **out)
{
	*out = ((struct world *)arg)->k.drm;
	return 0;
}

static inline void lost(void *arg, struct drv_chan *chan, const char *why)
{
	struct world *w = arg;

	if (w->serve)
		serve_lost(w->serve, chan, why);
}

static inline void *run(void *serve)
{
	return (void *)(intptr_t)serve_run(serve);
}

static inline void world_up(struct world *w)
{
	static int nr;
	struct serve_cfg cfg = { .end_fd = -1, .start = start, .arg = w };

	memset(w, 0, sizeof(*w));
	card_up_cfg(&w->k, (struct drv_cfg){ .lost = lost, .lost_arg = w });
	snprintf(w->name, sizeof(w->name), "gpuvm-test-serve-%d-%d", (int)getpid(), nr++);
	cfg.name = w->name;
	assert_int_equal(serve_new(&cfg, &w->serve), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, run, w->serve), 0);
}

static inline void world_down(struct world *w)
{
	void *err;

	serve_stop(w->serve);
	pthread_join(w->thread, &err);
	assert_null(err);
	serve_free(w->serve);
	w->serve = NULL;
	card_down(&w->k);
}

static inline uint64_t know(struct remote *r, int fd, struct remote_file *f)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return remote_know(r, fd, st.st_dev, st.st_ino, f) ? f->id : 0;
}

static inline void prog_up(struct world *w, struct prog *p)
{
	struct remote_file f;

	assert_int_equal(remote_new(w->name, &p->r), 0);
	p->fd = remote_open(p->r, O_RDWR | O_CLOEXEC);
	assert_true(p->fd >= 0);
	p->node = know(p->r, p->fd, &f);
	assert_int_not_equal(p->node, 0);
	assert_int_equal(f.kind, WIRE_NODE);
}

/* As the end of a process: its descriptors and connections go. */
static inline void prog_down(struct prog *p)
{
	close(p->fd);
	remote_free(p->r);
}

static inline int p_ioctl(struct prog *p, unsigned long request, void *arg)
{
	return remote_ioctl(p->r, p->node, request, arg);
}

static inline int p_new(struct prog *p, uint64_t size, uint32_t domain, struct drm_nouveau_gem_info *i)
{
	struct drm_nouveau_gem_new req = { .info = { .size = size, .domain = domain } };
	int err = p_ioctl(p, GEM_NEW, &req);

	*i = req.info;
	return err;
}

static inline int p_close(struct prog *p, uint32_t handle)
{
	struct drm_gem_close req = { .handle = handle };

	return p_ioctl(p, DRM_IOCTL_GEM_CLOSE, &req);
}

static inline void *p_map(struct prog *p, const struct drm_nouveau_gem_info *i)
{
	struct nvdrm_mmap_args a = { NULL, i->size, i->map_handle, PROT_READ | PROT_WRITE, MAP_SHARED };
	void *at;

	assert_int_equal(remote_mmap(p->r, p->node, &a, &at), 0);
	return at;
}

static inline void p_unmap(struct prog *p, void *at, uint64_t len)
{
	if (!remote_munmap(p->r, at, len))
		munmap(at, len);
}

static inline int p_export(struct prog *p, uint32_t handle)
{
	struct drm_prime_handle req = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int err = p_ioctl(p, DRM_IOCTL_PRIME_HANDLE_TO_FD, &req);

	return err ? err : req.fd;
}

static inline int p_import(struct prog *p, int fd, uint32_t *handle)
{
	struct drm_prime_handle req = { .fd = fd };
	int err = p_ioctl(p, DRM_IOCTL_PRIME_FD_TO_HANDLE, &req);

	assert_int_equal(req.fd, fd);
	*handle = req.handle;
	return err;
}

static inline int p_chan(struct prog *p, uint32_t *id)
{
	struct drm_nouveau_channel_alloc req = { 0 };
	int err = p_ioctl(p, CHANNEL_ALLOC, &req);

	*id = (uint32_t)req.channel;
	return err;
}

/* n words of a mapped buffer to the channel. */
static inline int p_submit(struct prog *p, uint32_t chan, const struct drm_nouveau_gem_info *i, uint32_t n)
{
	struct drm_nouveau_gem_pushbuf_bo b = gem_use(i, false);
	struct drm_nouveau_gem_pushbuf_push push = { .length = n * 4ull };
	struct drm_nouveau_gem_pushbuf req = {
		.channel = chan, .nr_buffers = 1, .buffers = (uintptr_t)&b, .nr_push = 1,
		.push = (uintptr_t)&push,
	};
	int err = p_ioctl(p, GEM_PUSHBUF, &req);

	assert_ptr_equal((void *)(uintptr_t)req.buffers, &b);
	assert_ptr_equal((void *)(uintptr_t)req.push, &push);
	return err;
}

static inline uint32_t semaphore(uint32_t *words, uint64_t va, uint32_t value, uint32_t trigger)
{
	words[0] = push_header(PUSH_INC, 0, HOST_SEM_ADDR_HI, 4);
	words[1] = hi32(va);
	words[2] = lo32(va);
	words[3] = value;
	words[4] = trigger;
	return 5;
}

/* What is left of a process that ended goes by and by. */
static inline void until(struct world *w, bool (*reached)(struct world *, uint64_t), uint64_t arg)
{
	struct wait wait = wait_begin(60 * SECOND);

	while (!reached(w, arg))
		assert_int_equal(wait_more(&wait), 0);
}

static inline uint64_t vram_free(struct world *w)
{
	struct drv_stats s;

	drv_stats(w->k.g.drv, &s);
	return s.vram_free;
}

static inline bool vram_is(struct world *w, uint64_t n)
{
	return vram_free(w) == n;
}

static inline bool no_client(struct world *w, uint64_t but)
{
	struct nvdrm_client *c;
	uint64_t n = 0;

	pthread_mutex_lock(&w->k.drm->lock);
	list_for_each(c, &w->k.drm->clients, node)
		n++;
	pthread_mutex_unlock(&w->k.drm->lock);
	return n == but;
}

#endif
