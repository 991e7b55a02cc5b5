// SPDX-License-Identifier: MIT
/* Submissions: what is checked, what runs and in which order, who waits for what, and ends that come early. */
#include <errno.h>

#include "tests/unit/drv/card.h"

#define WRITE NOUVEAU_GEM_CPU_PREP_WRITE
#define NOWAIT NOUVEAU_GEM_CPU_PREP_NOWAIT

static volatile uint32_t *word(struct card *k, uint32_t at)
{
	return k->words + at / 4;
}

/* Word 0xf000 of the commands' page is what waits are made on, 0xf100.. is where results go. */
#define GATE 0xf000u
#define RESULT 0xf100u

static void put_gate(struct card *k)
{
	put_sem(k, k->cmd.offset + GATE, 1, SEM_ACQUIRE_EQ);
}

static void put_result(struct card *k, uint32_t i, uint32_t value)
{
	put_sem(k, k->cmd.offset + RESULT + i * 4, value, SEM_RELEASE | SEM_RELEASE_4B);
}

static void runs(void **state)
{
	struct job_args a = { .sync = true };
	struct card k;

	(void)state;
	card_up(&k);
	a.chan = k.chan;
	put_result(&k, 0, 77);
	assert_int_equal(submit(&k, &a), 0);
	assert_int_equal(*word(&k, RESULT), 77);
	/* Without sync, by waiting for the buffer. */
	a = (struct job_args){ .chan = k.chan, .first = k.n };
	put_result(&k, 1, 78);
	assert_int_equal(submit(&k, &a), 0);
	assert_int_equal(prep(&k, k.cmd.handle, WRITE), 0);
	assert_int_equal(*word(&k, RESULT + 4), 78);
	card_down(&k);
}

/* A copy by M2MF, as the smallest driver would do it. */
static void copies(void **state)
{
	struct drm_nouveau_gem_info src, dst;
	struct job_args a = { 0 };
	uint8_t *p, *q;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 65536, GART, &src), 0);
	assert_int_equal(gem_new(k.c, 65536, VRAM, &dst), 0);
	p = gem_map(k.c, &src);
	fill(p, 65536, 1);
	put(&k, push_header(PUSH_INC, 2, HOST_SET_OBJECT, 1));
	put(&k, CLASS_M2MF_GF100);
	put(&k, push_header(PUSH_INC, 2, M2MF_OFFSET_OUT_HIGH, 2));
	put(&k, hi32(dst.offset));
	put(&k, lo32(dst.offset));
	put(&k, push_header(PUSH_INC, 2, M2MF_OFFSET_IN_HIGH, 6));
	put(&k, hi32(src.offset));
	put(&k, lo32(src.offset));
	put(&k, 65536);
	put(&k, 65536);
	put(&k, 65536);
	put(&k, 1);
	put(&k, push_header(PUSH_INC, 2, M2MF_EXEC, 1));
	put(&k, M2MF_EXEC_QUERY_SHORT | M2MF_EXEC_LINEAR_IN | M2MF_EXEC_LINEAR_OUT);
	a = (struct job_args){ .chan = k.chan, .read = &src, .write = &dst };
	assert_int_equal(submit(&k, &a), 0);
	assert_int_equal(prep(&k, dst.handle, 0), 0);
	q = mem_calloc(1, 65536);
	assert_int_equal(drv_bo_rd(nvdrm_vma_find(k.c, dst.handle)->bo->bo, 0, q, 65536), 0);
	assert_memory_equal(p, q, 65536);
	mem_free(q);
	gem_unmap(k.drm, p, 65536);
	card_down(&k);
}

static int raw(struct card *k, struct drm_nouveau_gem_pushbuf req)
{
	return card_ioctl(k, GEM_PUSHBUF, &req);
}

static void checks_lists(void **state)
{
	struct drm_nouveau_gem_pushbuf_bo b[2];
	struct drm_nouveau_gem_pushbuf_push p[2] = { { .length = 8 }, { .length = 8 } };
	struct drm_nouveau_gem_pushbuf ok, req;
	struct card k;

	(void)state;
	card_up(&k);
	b[0] = gem_use(&k.cmd, false);
	b[1] = b[0];
	ok = (struct drm_nouveau_gem_pushbuf){ .channel = k.chan, .nr_buffers = 1,
					       .buffers = (uintptr_t)b, .nr_push = 1,
					       .push = (uintptr_t)p };
	assert_int_equal(raw(&k, ok), 0);
	req = ok, req.channel = 9999;
	assert_int_equal(raw(&k, req), -ENOENT);
	req = ok, req.nr_push = NOUVEAU_GEM_MAX_PUSH + 1;
	assert_int_equal(raw(&k, req), -EINVAL);
	req = ok, req.nr_buffers = NOUVEAU_GEM_MAX_BUFFERS + 1;
	assert_int_equal(raw(&k, req), -EINVAL);
	req = ok, req.nr_relocs = NOUVEAU_GEM_MAX_RELOCS + 1;
	assert_int_equal(raw(&k, req), -EINVAL);
	/* Addresses never change, so relocations are not even looked at. */
	req = ok, req.nr_relocs = 3, req.relocs = 64;
	assert_int_equal(raw(&k, req), 0);
	req = ok, req.push = 64;
	assert_int_equal(raw(&k, req), -EFAULT);
	req = ok, req.buffers = 64;
	assert_int_equal(raw(&k, req), -EFAULT);
	req = ok, req.nr_buffers = 2;
	assert_int_equal(raw(&k, req), -EINVAL); /* the same buffer twice */
	p[0].bo_index = 1;
	assert_int_equal(raw(&k, ok), -EINVAL);
	p[0] = (struct drm_nouveau_gem_pushbuf_push){ .length = 1 << 24 };
	assert_int_equal(raw(&k, ok), -EINVAL);
	p[0].length = 8;
	b[0].handle = 4711;
	assert_int_equal(raw(&k, ok), -ENOENT);
	card_down(&k);
}

static void checks_domains(void **state)
{
	static const struct {
		uint32_t read, write, valid;
		int err;
	} want[] = {
		{ GART, 0, GART, 0 },	      { 0, GART, GART, 0 },
		{ GART, 0, VRAM | GART, 0 },  { VRAM | GART, 0, VRAM | GART, 0 },
		{ GART, 0, VRAM, -EINVAL },   { VRAM, 0, VRAM, -EINVAL },
		{ GART, VRAM, GART, -EINVAL }, { 0, 0, GART, -EINVAL }, { GART, 0, 0, -EINVAL },
	};
	struct drm_nouveau_gem_pushbuf_bo b;
	struct drm_nouveau_gem_pushbuf_push p = { .length = 8 };
	struct drm_nouveau_gem_pushbuf req;
	struct card k;

	(void)state;
	card_up(&k);
	req = (struct drm_nouveau_gem_pushbuf){ .channel = k.chan, .nr_buffers = 1,
						.buffers = (uintptr_t)&b, .nr_push = 1,
						.push = (uintptr_t)&p };
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		b = (struct drm_nouveau_gem_pushbuf_bo){ .handle = k.cmd.handle,
							 .read_domains = want[i].read,
							 .write_domains = want[i].write,
							 .valid_domains = want[i].valid };
		assert_int_equal(raw(&k, req), want[i].err);
	}
	card_down(&k);
}

static void empty_tells_sizes(void **state)
{
	struct drm_nouveau_gem_pushbuf req = { .suffix0 = 5, .suffix1 = 6 };
	struct card k;

	(void)state;
	card_up(&k);
	req.channel = k.chan;
	assert_int_equal(card_ioctl(&k, GEM_PUSHBUF, &req), 0);
	assert_int_equal(req.vram_available, k.drm->vram_len);
	assert_true(req.gart_available > 0);
	assert_int_equal(req.suffix0 | req.suffix1, 0);
	card_down(&k);
}

/* A packet that begins in one piece and ends in the next, pieces in any order, no prefetch. */
static void pieces(void **state)
{
	struct drm_nouveau_gem_pushbuf_bo b;
	struct drm_nouveau_gem_pushbuf_push p[4];
	struct drm_nouveau_gem_pushbuf req;
	struct card k;

	(void)state;
	card_up(&k);
	put_result(&k, 0, 5);
	put_result(&k, 0, 6);
	b = gem_use(&k.cmd, true);
	p[0] = (struct drm_nouveau_gem_pushbuf_push){ .offset = 20, .length = 20 };
	p[1] = (struct drm_nouveau_gem_pushbuf_push){ .length = 8 };
	p[2] = (struct drm_nouveau_gem_pushbuf_push){ .offset = 8, .length = 0 };
	p[3] = (struct drm_nouveau_gem_pushbuf_push){ .offset = 8, .length = 12 | 1 << 23 };
	req = (struct drm_nouveau_gem_pushbuf){ .channel = k.chan, .nr_buffers = 1,
						.buffers = (uintptr_t)&b, .nr_push = 4,
						.push = (uintptr_t)p,
						.vram_available = NOUVEAU_GEM_PUSHBUF_SYNC };
	assert_int_equal(card_ioctl(&k, GEM_PUSHBUF, &req), 0);
	assert_int_equal(*word(&k, RESULT), 5);
	card_down(&k);
}

/* More pieces than the ring has entries: it is filled as it drains. */
static void more_than_the_ring(void **state)
{
	struct drm_nouveau_gem_pushbuf_push p[NOUVEAU_GEM_MAX_PUSH];
	struct drm_nouveau_gem_pushbuf_bo b;
	struct drm_nouveau_gem_pushbuf req;
	struct card k;

	(void)state;
	card_up(&k);
	b = gem_use(&k.cmd, true);
	for (uint32_t i = 0; i < NOUVEAU_GEM_MAX_PUSH; i++) {
		p[i] = (struct drm_nouveau_gem_pushbuf_push){ .offset = i * 20, .length = 20 };
		put_result(&k, i, i + 1);
	}
	req = (struct drm_nouveau_gem_pushbuf){ .channel = k.chan, .nr_buffers = 1,
						.buffers = (uintptr_t)&b,
						.nr_push = NOUVEAU_GEM_MAX_PUSH,
						.push = (uintptr_t)p };
	for (int round = 0; round < 5; round++) {
		assert_int_equal(prep(&k, k.cmd.handle, WRITE), 0);
		memset((void *)(uintptr_t)word(&k, RESULT), 0, 4 * NOUVEAU_GEM_MAX_PUSH);
		for (int i = 0; i < 3; i++)
			assert_int_equal(raw(&k, req), 0);
		assert_int_equal(prep(&k, k.cmd.handle, 0), 0);
		for (uint32_t i = 0; i < NOUVEAU_GEM_MAX_PUSH; i++)
			assert_int_equal(*word(&k, RESULT + i * 4), i + 1);
	}
	card_down(&k);
}

static void waits(void **state)
{
	struct drm_nouveau_gem_info r, w;
	struct job_args a;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 4096, GART, &r), 0);
	assert_int_equal(gem_new(k.c, 4096, VRAM, &w), 0);
	assert_int_equal(prep(&k, w.handle, WRITE), 0);
	put_gate(&k);
	a = (struct job_args){ .chan = k.chan, .read = &r, .write = &w };
	assert_int_equal(submit(&k, &a), 0);
	/* What is read may be read, what is written may not. */
	assert_int_equal(prep(&k, r.handle, NOWAIT), 0);
	assert_int_equal(prep(&k, r.handle, NOWAIT | WRITE), -EBUSY);
	assert_int_equal(prep(&k, w.handle, NOWAIT), -EBUSY);
	assert_int_equal(prep(&k, w.handle, NOWAIT | WRITE), -EBUSY);
	*word(&k, GATE) = 1;
	assert_int_equal(prep(&k, w.handle, 0), 0);
	assert_int_equal(prep(&k, r.handle, NOWAIT | WRITE), 0);
	card_down(&k);
}

/* Closed while the GPU still writes to it: the address stays until the work has passed. */
static void closed_while_busy(void **state)
{
	struct drm_nouveau_gem_info w, other;
	struct job_args a;
	uint64_t pte;
	uint32_t shift, n;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 4096, GART, &w), 0);
	put_gate(&k);
	put_sem(&k, w.offset, 3, SEM_RELEASE | SEM_RELEASE_4B);
	a = (struct job_args){ .chan = k.chan, .write = &w };
	assert_int_equal(submit(&k, &a), 0);
	assert_int_equal(gem_close(k.c, w.handle), 0);
	assert_int_equal(drv_vas_walk(k.c->vas, w.offset, &pte, &shift), 0);
	assert_int_equal(gem_new(k.c, 4096, GART, &other), 0);
	assert_int_not_equal(other.offset, w.offset);
	*word(&k, GATE) = 1;
	assert_int_equal(prep(&k, k.cmd.handle, WRITE), 0);
	n = k.n;
	assert_int_equal(gem_close(k.c, other.handle), 0);
	assert_int_equal(drv_vas_walk(k.c->vas, w.offset, &pte, &shift), -EFAULT);
	/* And the channel is well. */
	a = (struct job_args){ .chan = k.chan, .first = n, .sync = true };
	put_result(&k, 0, 1);
	assert_int_equal(submit(&k, &a), 0);
	card_down(&k);
}

/* Until the driver has noticed. */
static int until_not(struct card *k, const struct job_args *a, int err)
{
	struct wait w = wait_begin(60 * SECOND);
	int r;

	while ((r = submit(k, a)) == err)
		if (wait_more(&w))
			break;
	return r;
}

static void dead_channel(void **state)
{
	struct drm_nouveau_gem_info w;
	struct job_args a;
	uint32_t id;
	struct card k;

	(void)state;
	card_up(&k);
	assert_int_equal(gem_new(k.c, 4096, GART, &w), 0);
	/* A class that there is not. */
	put(&k, push_header(PUSH_INC, 0, HOST_SET_OBJECT, 1));
	put(&k, 0xa097);
	a = (struct job_args){ .chan = k.chan, .write = &w };
	/* It may be dead before the call that killed it is over. */
	assert_int_equal(until_not(&k, &a, 0), -ENODEV);
	/* Whoever waits for its work is let go; the rest of the client goes on. */
	assert_int_equal(prep(&k, w.handle, WRITE), 0);
	assert_int_equal(chan_alloc(k.c, &id), 0);
	a = (struct job_args){ .chan = id, .first = k.n, .sync = true };
	put_result(&k, 0, 12);
	assert_int_equal(submit(&k, &a), 0);
	assert_int_equal(*word(&k, RESULT), 12);
	assert_int_equal(free_chan(k.c, k.chan), 0);
	card_down(&k);
}

/* A channel whose work never ends is taken off the GPU when it is freed, and its waiter wakes. */
static void *waiter(void *arg)
{
	struct card *k = arg;

	return (void *)(intptr_t)prep(k, k->cmd.handle, WRITE);
}

static void freed_while_stuck(void **state)
{
	struct job_args a;
	pthread_t t;
	void *r;
	struct card k;

	(void)state;
	card_up(&k);
	k.drm->idle_ns = 10000000;
	put_gate(&k);
	a = (struct job_args){ .chan = k.chan };
	assert_int_equal(submit(&k, &a), 0);
	assert_int_equal(pthread_create(&t, NULL, waiter, &k), 0);
	assert_int_equal(free_chan(k.c, k.chan), 0);
	assert_int_equal(pthread_join(t, &r), 0);
	assert_int_equal((intptr_t)r, 0);
	card_down(&k);
}

/* A client that goes with everything under way. */
static void client_goes(void **state)
{
	struct drm_nouveau_gem_info i;
	struct drv_stats before, after;
	struct nvdrm_client *c;
	struct card k;
	struct card other;

	(void)state;
	card_up(&k);
	k.drm->idle_ns = 10000000;
	for (int round = 0; round < 3; round++) {
		drv_stats(k.g.drv, &before);
		other = k;
		assert_int_equal(nvdrm_client_new(k.drm, &c), 0);
		other.c = c;
		assert_int_equal(chan_alloc(c, &other.chan), 0);
		assert_int_equal(gem_new(c, 4096, GART, &other.cmd), 0);
		other.words = gem_map(c, &other.cmd);
		other.n = 0;
		put_sem(&other, other.cmd.offset + 2048, 1, SEM_ACQUIRE_EQ);
		assert_int_equal(submit(&other, &(struct job_args){ .chan = other.chan }), 0);
		assert_int_equal(gem_new(c, 4 << 20, VRAM, &i), 0);
		nvdrm_client_free(c);
		gem_unmap(k.drm, other.words, 4096);
		drv_stats(k.g.drv, &after);
		assert_int_equal(before.vram_free, after.vram_free);
	}
	put_result(&k, 0, 1);
	assert_int_equal(submit(&k, &(struct job_args){ .chan = k.chan, .sync = true }), 0);
	card_down(&k);
}

/* Threads that share one channel: their pieces do not mix. */
#define THREADS 4
#define ROUNDS 100

struct thread {
	struct card *k;
	uint32_t first, id;
	pthread_t t;
	int err;
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	struct drm_nouveau_gem_pushbuf_bo b = gem_use(&t->k->cmd, true);
	/* Each word of the packet is a piece. */
	struct drm_nouveau_gem_pushbuf_push p[5];
	struct drm_nouveau_gem_pushbuf req = {
		.channel = t->k->chan, .nr_buffers = 1, .buffers = (uintptr_t)&b, .nr_push = 5,
		.push = (uintptr_t)p, .vram_available = NOUVEAU_GEM_PUSHBUF_SYNC,
	};

	for (uint32_t i = 0; i < 5; i++)
		p[i] = (struct drm_nouveau_gem_pushbuf_push){ .offset = (t->first + i) * 4, .length = 4 };
	for (uint32_t i = 1; i <= ROUNDS && !t->err; i++) {
		t->k->words[t->first + 3] = i;
		req.vram_available = NOUVEAU_GEM_PUSHBUF_SYNC;
		t->err = card_ioctl(t->k, GEM_PUSHBUF, &req);
		if (!t->err && *word(t->k, RESULT + t->id * 4) != i)
			t->err = -EILSEQ;
	}
	return NULL;
}

static void threads(void **state)
{
	struct thread t[THREADS];
	struct card k;

	(void)state;
	card_up(&k);
	for (uint32_t i = 0; i < THREADS; i++) {
		t[i] = (struct thread){ .k = &k, .first = k.n, .id = i };
		put_result(&k, i, 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i].t, NULL, thread_main, &t[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i].t, NULL);
		assert_int_equal(t[i].err, 0);
	}
	card_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),		  cmocka_unit_test(copies),
		cmocka_unit_test(checks_lists),	  cmocka_unit_test(checks_domains),
		cmocka_unit_test(empty_tells_sizes), cmocka_unit_test(pieces),
		cmocka_unit_test(more_than_the_ring), cmocka_unit_test(waits),
		cmocka_unit_test(closed_while_busy), cmocka_unit_test(dead_channel),
		cmocka_unit_test(freed_while_stuck), cmocka_unit_test(client_goes),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
