// SPDX-License-Identifier: MIT
/*
 * The n-th allocation of the service fails, for every n, in what a process does
 * from its start to its end: an errno comes out, the service goes on, nothing
 * stays behind, and the next process has all it wants.
 */
#include "gpuvm/base/mem.h"
#include "tests/unit/drv/serve.h"

/* The hook has no argument.  Only allocations of other threads than the program's count. */
static long left;
static pthread_t program;

static int fail_nth(void)
{
	if (pthread_equal(pthread_self(), program) || __atomic_load_n(&left, __ATOMIC_ACQUIRE) < 0)
		return 0;
	return __atomic_fetch_sub(&left, 1, __ATOMIC_ACQ_REL) == 0;
}

/* A node, a buffer with a mapping, an export; the first error. */
static int with_node(struct prog *p)
{
	struct drm_nouveau_gem_info i;
	struct nvdrm_mmap_args a = { NULL, 4096, 0, PROT_READ, MAP_SHARED };
	struct remote_file f;
	uint32_t chan;
	int err, fd;
	void *at;

	p->node = know(p->r, p->fd, &f);
	if (!p->node)
		return -ENOMEM;
	err = p_chan(p, &chan);
	if (!err)
		err = p_new(p, 4096, GART, &i);
	if (err)
		return err;
	a.off = i.map_handle;
	err = remote_mmap(p->r, p->node, &a, &at);
	if (err)
		return err;
	p_unmap(p, at, 4096);
	fd = p_export(p, i.handle);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static int one_life(struct world *w)
{
	struct prog p = { .fd = -1 };
	int err = remote_new(w->name, &p.r);

	if (err)
		return err;
	p.fd = remote_open(p.r, O_RDWR | O_CLOEXEC);
	err = p.fd < 0 ? p.fd : with_node(&p);
	if (p.fd >= 0)
		close(p.fd);
	remote_free(p.r);
	return err;
}

static bool nobody(struct world *w, uint64_t arg)
{
	bool none;

	(void)arg;
	pthread_mutex_lock(&w->serve->lock);
	none = list_empty(&w->serve->procs) && list_empty(&w->serve->files) && !w->serve->nr_conns;
	pthread_mutex_unlock(&w->serve->lock);
	return none;
}

static void every_allocation(void **state)
{
	struct world w;
	bool fired = true;
	long n;
	int err, failed = 0;

	(void)state;
	world_up(&w);
	program = pthread_self();
	left = -1;
	assert_int_equal(one_life(&w), 0);
	until(&w, nobody, 0);
	for (n = 0; fired; n++) {
		__atomic_store_n(&left, n, __ATOMIC_RELEASE);
		mem_fault_hook = fail_nth;
		err = one_life(&w);
		until(&w, nobody, 0);
		mem_fault_hook = NULL;
		fired = __atomic_load_n(&left, __ATOMIC_ACQUIRE) < 0;
		/* What is only given back needs no memory to be given back. */
		failed += fired && err;
		assert_true(!err || fired);
		assert_true(err == 0 || err == -ENOMEM || err == -ENODEV);
		assert_int_equal(one_life(&w), 0);
		until(&w, nobody, 0);
	}
	assert_true(n > 10 && failed > 8);
	until(&w, no_client, 1);
	world_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
