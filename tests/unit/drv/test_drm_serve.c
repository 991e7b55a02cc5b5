// SPDX-License-Identifier: MIT
/* What processes that share a GPU have of it, and what they have of each other. */
#include <sys/wait.h>

#include "tests/unit/drv/serve.h"

#define MANY 300

static void handles_are_a_process_s_own(void **state)
{
	struct drm_nouveau_gem_info i, j, seen = { 0 };
	struct world w;
	struct prog a, b;
	uint32_t chan;

	(void)state;
	world_up(&w);
	prog_up(&w, &a);
	prog_up(&w, &b);
	assert_int_equal(p_new(&a, 8192, GART, &i), 0);
	assert_int_equal(p_chan(&a, &chan), 0);
	seen.handle = i.handle;
	assert_int_equal(p_ioctl(&b, GEM_INFO, &seen), -ENOENT);
	assert_int_equal(p_close(&b, i.handle), -EINVAL);
	assert_int_equal(p_export(&b, i.handle), -ENOENT);
	assert_int_equal(p_new(&b, 4096, GART, &j), 0);
	assert_int_equal(p_submit(&b, chan, &j, 1), -ENOENT);
	/* Nor is the other's node: b never had its descriptor. */
	assert_int_equal(remote_ioctl(b.r, a.node, GEM_INFO, &seen), -EBADF);
	assert_int_equal(p_ioctl(&a, GEM_INFO, &seen), 0);
	assert_int_equal(seen.size, 8192);
	prog_down(&b);
	prog_down(&a);
	world_down(&w);
}

static void arguments(void **state)
{
	struct drm_nouveau_getparam p = { .param = NOUVEAU_GETPARAM_CHIPSET_ID };
	struct drm_nouveau_gem_pushbuf push = { .nr_push = 1, .nr_buffers = 1, .push = 64, .buffers = 64 };
	char name[8] = "", nvif[4200] = { 0 };
	struct drm_version v = { .name = name, .name_len = sizeof(name) };
	struct world w;
	struct prog a;

	(void)state;
	world_up(&w);
	prog_up(&w, &a);
	assert_int_equal(p_ioctl(&a, GETPARAM, &p), 0);
	assert_int_equal(p.value, 0xc0);
	assert_int_equal(p_ioctl(&a, DRM_IOCTL_VERSION, &v), 0);
	assert_string_equal(name, "nouveau");
	assert_int_equal(p_ioctl(&a, GETPARAM, BAD_POINTER), -EFAULT);
	assert_int_equal(p_ioctl(&a, GEM_PUSHBUF, &push), -EFAULT);
	assert_int_equal(p_ioctl(&a, _IOC(3u, 'd', 0x47, 4200), nvif), -EINVAL);
	assert_int_equal(p_ioctl(&a, _IOC(3u, 'd', 0x5f, 8), nvif), -EINVAL);
	push = (struct drm_nouveau_gem_pushbuf){ .nr_push = NOUVEAU_GEM_MAX_PUSH + 1, .channel = 99 };
	assert_int_equal(p_ioctl(&a, GEM_PUSHBUF, &push), -ENOENT);
	assert_int_equal(p_chan(&a, &push.channel), 0);
	assert_int_equal(p_ioctl(&a, GEM_PUSHBUF, &push), -EINVAL);
	prog_down(&a);
	world_down(&w);
}

static void work_of_two(void **state)
{
	struct drm_nouveau_gem_info i[2];
	struct prog p[2];
	struct world w;
	uint32_t chan, *words[2];

	(void)state;
	world_up(&w);
	for (int k = 0; k < 2; k++) {
		struct drm_nouveau_gem_cpu_prep prep = { .flags = NOUVEAU_GEM_CPU_PREP_WRITE };

		prog_up(&w, &p[k]);
		assert_int_equal(p_chan(&p[k], &chan), 0);
		assert_int_equal(p_new(&p[k], 4096, GART, &i[k]), 0);
		words[k] = p_map(&p[k], &i[k]);
		semaphore(words[k], i[k].offset + 0x800, 5 + (uint32_t)k, SEM_RELEASE | SEM_RELEASE_4B);
		assert_int_equal(p_submit(&p[k], chan, &i[k], 5), 0);
		prep.handle = i[k].handle;
		assert_int_equal(p_ioctl(&p[k], CPU_PREP, &prep), 0);
	}
	/* An address space each: the addresses are the same, the memory is not. */
	assert_int_equal(i[0].offset, i[1].offset);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(words[k][0x200], 5 + k);
		p_unmap(&p[k], words[k], 4096);
		prog_down(&p[k]);
	}
	world_down(&w);
}

static void exporter_dies_first(void **state)
{
	struct drm_nouveau_gem_info i, j = { 0 };
	struct remote_file f;
	struct prog a, b;
	struct world w;
	uint64_t free;
	uint32_t *p;
	int fd;

	(void)state;
	world_up(&w);
	prog_up(&w, &b);
	/* The tables that such a buffer takes stay. */
	assert_int_equal(p_new(&b, 1 << 20, VRAM, &j), 0);
	assert_int_equal(p_close(&b, j.handle), 0);
	free = vram_free(&w);
	prog_up(&w, &a);
	assert_int_equal(p_new(&a, 1 << 20, VRAM, &i), 0);
	p = p_map(&a, &i);
	p[0] = 0x12345678;
	p[1] = p[0] + 1;
	fd = p_export(&a, i.handle);
	assert_true(fd >= 0);
	assert_int_not_equal(know(b.r, fd, &f), 0);
	assert_int_equal(f.kind, WIRE_EXPORT);
	assert_int_equal(f.len, 1 << 20);
	prog_down(&a);
	assert_int_equal(p_import(&b, fd, &j.handle), 0);
	assert_int_equal(p_ioctl(&b, GEM_INFO, &j), 0);
	assert_int_equal(j.size, 1 << 20);
	close(fd);
	/* Its descriptor and its first owner are gone, and it is not. */
	assert_true(vram_free(&w) + (1 << 20) <= free);
	assert_int_equal(p_close(&b, j.handle), 0);
	until(&w, vram_is, free);
	prog_down(&b);
	world_down(&w);
}

static void importer_sees_what_is_there(void **state)
{
	static const uint32_t domain[] = { GART, VRAM };
	struct drm_nouveau_gem_info i, j = { 0 };
	struct nvdrm_mmap_args args = { NULL, 8192, 0, PROT_READ | PROT_WRITE, MAP_SHARED };
	struct remote_file f;
	struct prog a, b;
	struct world w;
	uint32_t same;
	void *x, *y;
	int fd;

	(void)state;
	world_up(&w);
	prog_up(&w, &a);
	prog_up(&w, &b);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(p_new(&a, 8192, domain[k], &i), 0);
		fd = p_export(&a, i.handle);
		assert_int_equal(p_import(&b, fd, &j.handle), 0);
		assert_int_equal(p_import(&b, fd, &same), 0);
		assert_int_equal(same, j.handle);
		assert_int_equal(p_ioctl(&b, GEM_INFO, &j), 0);
		/* One by its handle, the other by the descriptor itself; VRAM traps in one place at a time. */
		x = p_map(&a, &i);
		*(volatile uint64_t *)((char *)x + 4096) = 0x1122334455667788ull;
		*(volatile uint16_t *)((char *)x + 4098) = 0xabcd;
		if (domain[k] == VRAM)
			p_unmap(&a, x, 8192);
		else
			assert_int_equal(remote_mmap(b.r, know(b.r, fd, &f), &args, &y), 0);
		y = domain[k] == VRAM ? p_map(&a, &i) : y;
		assert_int_equal(*(volatile uint64_t *)((char *)y + 4096), 0x11223344abcd7788ull);
		p_unmap(domain[k] == VRAM ? &a : &b, y, 8192);
		if (domain[k] == GART)
			p_unmap(&a, x, 8192);
		close(fd);
	}
	args.len = 12288;
	assert_int_equal(remote_mmap(b.r, b.node, &args, &y), -EINVAL);
	prog_down(&b);
	prog_down(&a);
	world_down(&w);
}

static void descriptors_of_others(void **state)
{
	struct drm_nouveau_gem_info i;
	struct remote_file f;
	struct world w, v;
	struct prog a, b;
	uint32_t h;
	int fd, file;

	(void)state;
	world_up(&w);
	world_up(&v);
	prog_up(&w, &a);
	prog_up(&v, &b);
	assert_int_equal(p_new(&a, 4096, GART, &i), 0);
	fd = p_export(&a, i.handle);
	file = memfd_create("no buffer", MFD_CLOEXEC);
	/* Another guest's service has never heard of them, nor do they say anything. */
	assert_int_equal(p_import(&b, fd, &h), -EINVAL);
	assert_int_equal(know(b.r, fd, &f), 0);
	assert_int_equal(know(b.r, a.fd, &f), 0);
	assert_int_equal(recv(fd, &h, 1, MSG_DONTWAIT), -1);
	assert_int_equal(p_import(&a, file, &h), -EINVAL);
	assert_int_equal(p_import(&a, a.fd, &h), -EINVAL);
	close(file);
	assert_int_equal(p_import(&a, file, &h), -EBADF);
	assert_int_equal(p_import(&a, fd, &h), 0);
	close(fd);
	prog_down(&b);
	prog_down(&a);
	world_down(&v);
	world_down(&w);
}

/* A wait that nothing ends but the end of its process. */
static void *wait_for_it(void *arg)
{
	struct prog *p = arg;
	struct drm_nouveau_gem_cpu_prep prep = { .handle = 1, .flags = NOUVEAU_GEM_CPU_PREP_WRITE };

	return (void *)(intptr_t)p_ioctl(p, CPU_PREP, &prep);
}

static void death_at_work(void **state)
{
	struct drm_nouveau_gem_info i;
	struct world w;
	struct prog a;
	pthread_t t;
	uint32_t chan, *p;
	uint64_t began;

	(void)state;
	world_up(&w);
	/* Longer than the test may take: waiting for the work to end would show. */
	w.k.drm->idle_ns = 1000 * SECOND;
	for (int waits = 0; waits < 2; waits++) {
		prog_up(&w, &a);
		assert_int_equal(p_chan(&a, &chan), 0);
		assert_int_equal(p_new(&a, 4096, GART, &i), 0);
		p = p_map(&a, &i);
		semaphore(p, i.offset + 0x800, 1, SEM_ACQUIRE_EQ);
		assert_int_equal(p_submit(&a, chan, &i, 5), 0);
		munmap(p, 4096);
		began = clock_ns();
		if (waits)
			assert_int_equal(pthread_create(&t, NULL, wait_for_it, &a), 0);
		close(a.fd);
		/* What a killed process leaves: nothing is said, connections hang up. */
		shutdown(a.r->first, SHUT_RDWR);
		until(&w, no_client, 1);
		if (waits)
			pthread_join(t, NULL);
		remote_free(a.r);
		assert_true(clock_ns() - began < 500 * SECOND);
	}
	assert_int_equal(submit(&w.k, &(struct job_args){ .chan = w.k.chan, .sync = true }), 0);
	world_down(&w);
}

static void lost_work_is_told(void **state)
{
	struct drm_nouveau_gem_info i;
	struct world w;
	struct prog a, b;
	char why[128] = "";
	uint32_t chan, *p, n;
	int err = 0;

	(void)state;
	world_up(&w);
	prog_up(&w, &a);
	prog_up(&w, &b);
	assert_int_equal(p_chan(&a, &chan), 0);
	assert_int_equal(p_new(&a, 4096, GART, &i), 0);
	p = p_map(&a, &i);
	/* It polls for a report that the GPU cannot give: no such class. */
	n = semaphore(p, i.offset + 0x800, 1, SEM_RELEASE | SEM_RELEASE_4B);
	p[n++] = push_header(PUSH_INC, 0, HOST_SET_OBJECT, 1);
	p[n++] = 0xa097;
	while (!err)
		err = p_submit(&a, chan, &i, n);
	assert_int_equal(err, -ENODEV);
	/* The reason was there before the errno was. */
	assert_int_equal(remote_news(a.r, why, sizeof(why)), 0);
	assert_non_null(strstr(why, "method"));
	assert_int_equal(p_chan(&b, &chan), 0);
	p_unmap(&a, p, 4096);
	prog_down(&b);
	prog_down(&a);
	world_down(&w);
}

static void too_many(void **state)
{
	struct remote *r;
	struct world w;
	int fd[MANY], n = 0, err = 0;

	(void)state;
	world_up(&w);
	assert_int_equal(remote_new(w.name, &r), 0);
	while (n < MANY && !err) {
		fd[n] = remote_open(r, O_RDWR | O_CLOEXEC);
		err = fd[n] < 0 ? fd[n] : 0;
		n += !err;
	}
	assert_int_equal(err, -EMFILE);
	assert_int_equal(n, SERVE_NODES);
	close(fd[--n]);
	until(&w, no_client, (uint64_t)n + 1);
	while (fd[n] = remote_open(r, O_RDWR | O_CLOEXEC), fd[n] == -EMFILE)
		;
	assert_true(fd[n] >= 0);
	for (int i = 0; i <= n; i++)
		close(fd[i]);
	remote_free(r);
	until(&w, no_client, 1);
	world_down(&w);
}

/* The child of a fork: the node and the mapping are as good as its parent's, also without it. */
static int child_life(struct prog *a, uint32_t handle, uint32_t *p, int sock)
{
	struct drm_nouveau_gem_info i = { .handle = handle };
	char c = 0;

	remote_fork_child(a->r);
	if (p_ioctl(a, GEM_INFO, &i) || i.size != 4096)
		return 1;
	/* The parent closes its handle, and ends. */
	if (write(sock, &c, 1) != 1 || read(sock, &c, 1) != 0)
		return 2;
	if (p[3] != 0xbeef || p_new(a, 4096, GART, &i))
		return 3;
	return i.handle == handle ? 0 : 4;
}

static void fork_shares(void **state)
{
	struct drm_nouveau_gem_info i;
	struct world w;
	struct prog a;
	int sock[2], status = -1;
	uint32_t *p;
	pid_t pid;
	char c;

	(void)state;
	world_up(&w);
	prog_up(&w, &a);
	assert_int_equal(p_new(&a, 4096, GART, &i), 0);
	p = p_map(&a, &i);
	p[3] = 0xbeef;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	remote_fork_prepare(a.r);
	pid = fork();
	if (!pid) {
		close(sock[1]);
		_exit(child_life(&a, i.handle, p, sock[0]));
	}
	close(sock[0]);
	remote_fork_parent(a.r);
	assert_int_equal(read(sock[1], &c, 1), 1);
	assert_int_equal(p_close(&a, i.handle), 0);
	munmap(p, 4096);
	prog_down(&a);
	close(sock[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	until(&w, no_client, 1);
	world_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handles_are_a_process_s_own),
		cmocka_unit_test(arguments),
		cmocka_unit_test(work_of_two),
		cmocka_unit_test(exporter_dies_first),
		cmocka_unit_test(importer_sees_what_is_there),
		cmocka_unit_test(descriptors_of_others),
		cmocka_unit_test(death_at_work),
		cmocka_unit_test(lost_work_is_told),
		cmocka_unit_test(too_many),
		cmocka_unit_test(fork_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
