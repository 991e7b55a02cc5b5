// SPDX-License-Identifier: MIT
/*
 * The vfio-user port against a client that means harm: each wrong message gets
 * an error or ends that connection, the core sees nothing of it, another guest
 * of the same port goes on, and no descriptor is left open.
 */
#include "tests/t.h"
#include "tests/unit/hv/vm_client.h"

#include <dirent.h>

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* After whatever was sent: the connection is over. */
static void expect_dropped(struct vm *v)
{
	vm_serve(v);
	assert_int_equal(v->core.accesses, 0);
	assert_false(vm_alive(v));
}

static void test_sizes_of_headers(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 15, VFIO_MSG_MAX + 1, 1u << 31, ~0u };
	struct vm *v = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct vfio_hdr h = { 1, VFIO_CMD_DEVICE_INFO, sizes[i], 0, 0 };

		vm_send(v, &h, sizeof h, -1);
		expect_dropped(v);
		close(v->fd);
		v->core = (struct vm_core){ 0 };
		vm_connect(v);
		vm_greet(v);
	}
}

static void test_order(void **state)
{
	struct vm *v = *state;
	struct vfio_hdr reply = { 1, VFIO_CMD_DMA_READ, sizeof reply, VFIO_HDR_REPLY, 0 };

	vm_put(v, VFIO_CMD_VERSION, 0, "\0\0\0\0{}", 7, -1); /* a second time */
	expect_dropped(v);
	close(v->fd);
	v->core = (struct vm_core){ 0 };
	vm_connect(v);
	vm_put(v, VFIO_CMD_RESET, 0, NULL, 0, -1); /* before VERSION */
	expect_dropped(v);
	assert_int_equal(v->core.resets, 0);
	close(v->fd);
	v->core = (struct vm_core){ 0 };
	vm_connect(v);
	vm_greet(v);
	vm_send(v, &reply, sizeof reply, -1); /* nobody asked */
	expect_dropped(v);
}

/* Each command with every shorter length than it needs, and with rubbish. */
static void test_short_and_rubbish(void **state)
{
	struct vm *v = *state;
	uint8_t body[64];

	memset(body, 0xff, sizeof body);
	for (uint16_t cmd = 2; cmd < 20; cmd++) {
		if (cmd == VFIO_CMD_RESET)
			continue;
		for (uint32_t len = 0; len <= sizeof body; len++) {
			int err = vm_call(v, cmd, body, len, -1);

			/* The one request without anything to be wrong. */
			if (cmd == VFIO_CMD_DEVICE_INFO && len >= sizeof(struct vfio_device_info))
				assert_int_equal(err, 0);
			else
				assert_in_range(err, 1, 4095);
		}
	}
	assert_true(vm_alive(v));
	assert_int_equal(v->core.accesses + v->core.grants, 0);
}

static void test_accesses_outside(void **state)
{
	static const struct vfio_rw bad[] = {
		{ VM_BAR0, VFIO_BAR0, 4 },     { VM_BAR0 - 2, VFIO_BAR0, 4 },	{ ~0ull, VFIO_BAR0, 4 },
		{ ~0ull - 3, VFIO_BAR0, 4 },   { 0, VFIO_BAR0, 3 },		{ 0, VFIO_BAR0, 0 },
		{ 0, VFIO_BAR0, 16 },	       { 0, VFIO_BAR0, ~0u },		{ 0, 2, 4 },
		{ 0, VFIO_VGA, 4 },	       { 0, VFIO_REGIONS, 4 },		{ 0, ~0u, 4 },
		{ 4093, VFIO_CONFIG, 4 },      { 0, VFIO_CONFIG, 5000 },	{ 512, VFIO_ROM, 1 },
		{ 1, VFIO_ROM, 512 },	       { 1ull << 32, VFIO_BAR0, 4 },	{ 0, VFIO_CONFIG, VFIO_DATA_MAX + 1 },
	};
	struct vm *v = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct {
			struct vfio_rw q;
			uint8_t data[64];
		} m = { .q = bad[i] };

		assert_int_equal(vm_call(v, VFIO_CMD_REGION_READ, &m.q, sizeof m.q, -1), EINVAL);
		assert_int_equal(vm_call(v, VFIO_CMD_REGION_WRITE, &m, sizeof m, -1), EINVAL);
	}
	assert_int_equal(v->core.accesses, 0);
}

static void test_multi_counts(void **state)
{
	static const uint64_t counts[] = { 2, 3, VFIO_MULTI_MAX + 1, 1ull << 32, ~0ull, ~0ull / 24 + 1 };
	struct vm *v = *state;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct {
			uint64_t nr;
			struct vfio_write w;
		} m = { counts[i], { 0, VFIO_BAR0, 4, { 1 } } };

		assert_int_equal(vm_call(v, VFIO_CMD_WRITE_MULTI, &m, sizeof m, -1), EINVAL);
	}
	assert_int_equal(v->core.accesses, 0);
}

static void test_memory_that_could_go_away(void **state)
{
	struct vm *v = *state;
	int loose = vm_memory(1 << 20, 0), sealed = vm_memory(1 << 20, F_SEAL_SHRINK), p[2];
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), dev = open("/dev/zero", O_RDWR | O_CLOEXEC);

	assert_int_equal(pipe(p), 0);
	assert_int_equal(vm_map(v, 0, 4096, loose, 0), EACCES);
	assert_int_equal(vm_map(v, 0, 4096, file, 0), EACCES);
	assert_int_equal(vm_map(v, 0, 4096, dev, 0), EACCES);
	assert_int_equal(vm_map(v, 0, 4096, p[0], 0), EACCES);
	assert_int_equal(vm_map(v, 0, (1 << 20) + 4096, sealed, 0), EACCES);
	assert_int_equal(vm_map(v, 0, 4096, sealed, 1 << 20), EACCES);
	assert_int_equal(vm_map(v, 0, 4096, sealed, ~0ull - 4095), EACCES);
	assert_int_equal(vm_map(v, 1, 4096, sealed, 0), EINVAL);
	assert_int_equal(vm_map(v, 0, 4095, sealed, 0), EINVAL);
	assert_int_equal(vm_map(v, 0, 0, sealed, 0), EINVAL);
	assert_int_equal(vm_map(v, VFIO_WINDOW, 4096, sealed, 0), ERANGE);
	assert_int_equal(vm_map(v, ~0ull - 4095, 4096, sealed, 0), ERANGE);
	assert_int_equal(v->core.grants, 0);
	assert_int_equal(vm_map(v, 0x1000, 0x2000, sealed, 0), 0);
	assert_int_equal(vm_map(v, 0x2000, 0x2000, sealed, 0), EEXIST);
	assert_int_equal(vm_map(v, 0, 0x4000, sealed, 0), EEXIST);
	assert_int_equal(vm_unmap(v, ~0ull - 4095, 8192), EINVAL);
	close(loose);
	close(sealed);
	close(file);
	close(dev);
	close(p[0]);
	close(p[1]);
}

static void test_ranges_have_a_limit(void **state)
{
	struct vm *v = *state;
	int fd = vm_memory(4096, F_SEAL_SHRINK);

	for (uint64_t i = 0; i < VFIO_RANGES; i++)
		assert_int_equal(vm_map(v, i * 4096, 4096, fd, 0), 0);
	assert_int_equal(vm_map(v, VFIO_RANGES * 4096, 4096, fd, 0), ENOSPC);
	close(fd);
}

static void test_interrupt_descriptors(void **state)
{
	struct vm *v = *state;
	struct vfio_irq_set q = { sizeof q, VFIO_SET_EVENTFD | VFIO_SET_TRIGGER, VFIO_MSI, 0, 1 };
	int p[2], event = eventfd(0, 0);
	uint64_t full = ~0ull - 1;

	assert_int_equal(pipe(p), 0);
	/* A pipe could block us, or be somebody's. */
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &q, sizeof q, p[1]), EINVAL);
	q.count = 2;
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &q, sizeof q, event), EINVAL);
	q.count = 1;
	q.index = VFIO_MSIX;
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &q, sizeof q, event), EINVAL);
	q.index = VFIO_MSI;
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &q, sizeof q, event), 0);
	/* A full counter must not stop us. */
	assert_int_equal(write(event, &full, sizeof full), sizeof full);
	assert_int_equal(hv_irq(v->g, 0), 0);
	close(event);
	close(p[0]);
	close(p[1]);
}

/* Descriptors with messages that want none, and a second batch for one message. */
static void test_stray_descriptors(void **state)
{
	struct vm *v = *state;
	struct vfio_hdr h = { 1, VFIO_CMD_RESET, sizeof h, 0, 0 };
	int before = open_fds(), fd = eventfd(0, 0);

	for (int i = 0; i < 50; i++)
		assert_int_equal(vm_call(v, VFIO_CMD_RESET, NULL, 0, fd), 0);
	assert_int_equal(open_fds(), before + 1);
	vm_send(v, &h, 8, fd);
	vm_serve(v);
	vm_send(v, (uint8_t *)&h + 8, 4, fd);
	expect_dropped(v);
	close(fd);
	/* Gone with the guest: its end of the socket. */
	assert_int_equal(open_fds(), before - 1);
}

/* Who asks and never reads is cut off; who shares the port with it is served. */
static void test_a_client_that_does_not_read(void **state)
{
	struct vm *v = *state, w = { .hv = v->hv };
	struct vfio_rw q = { 0, VFIO_CONFIG, 4096 };
	struct hv_guest *first = v->g;
	int before;

	vm_connect(&w);
	vm_greet(&w);
	before = (int)v->core.detached;
	for (int i = 0; i < 10000 && (int)v->core.detached == before; i++) {
		vm_put(v, VFIO_CMD_REGION_READ, 0, &q, sizeof q, -1);
		hv_dispatch(v->hv, 1000);
	}
	assert_int_equal(v->core.detached, before + 1);
	assert_ptr_equal(first, v->g);
	q.count = 4;
	assert_int_equal(vm_call(&w, VFIO_CMD_REGION_READ, &q, sizeof q, -1), 0);
	close(w.fd);
}

/* A flood of one client leaves the other its turns within one dispatch. */
static void test_a_flood(void **state)
{
	struct vm *v = *state, w = { .hv = v->hv };
	struct {
		struct vfio_rw q;
		uint32_t val;
	} m = { { 0, VFIO_BAR0, 4 }, 1 };
	uint8_t none[1];

	vm_connect(&w);
	vm_greet(&w);
	/* As many as its socket takes without blocking us. */
	for (int i = 0; i < 150; i++)
		vm_put(v, VFIO_CMD_REGION_WRITE, VFIO_HDR_NO_REPLY, &m, 20, -1);
	vm_put(&w, VFIO_CMD_REGION_READ, 0, &m.q, sizeof m.q, -1);
	hv_dispatch(v->hv, 100);
	assert_int_equal(vm_get(&w, none, 0), 0);
	assert_true(v->core.accesses < 150);
	close(w.fd);
}

/*
 * Each command's message cut off at each byte, with a descriptor, then the hang-up: nothing of it
 * is done, and while the rest is missing the other client is served.
 */
static void test_cut_short(void **state)
{
	struct vm *v = *state, w = { .hv = v->hv };
	struct vfio_rw q = { 0, VFIO_CONFIG, 4 };
	int before, fd = eventfd(0, 0);
	uint32_t done;

	vm_connect(&w);
	vm_greet(&w);
	before = open_fds();
	for (uint16_t cmd = 2; cmd < 17; cmd++)
		for (uint32_t len = 1; len < 56; len++) {
			uint8_t buf[56] = { 0 };
			struct vfio_hdr h = { 1, cmd, sizeof buf, 0, 0 };

			memcpy(buf, &h, sizeof h);
			vm_send(v, buf, len, fd);
			done = v->core.accesses;
			assert_int_equal(vm_call(&w, VFIO_CMD_REGION_READ, &q, sizeof q, -1), 0);
			close(v->fd);
			vm_serve(v);
			assert_int_equal(v->core.accesses, done + 1);
			assert_int_equal(v->core.grants + v->core.resets, 0);
			assert_int_equal(open_fds(), before - 2);
			vm_connect(v);
			vm_greet(v);
		}
	assert_int_equal(open_fds(), before);
	close(w.fd);
	close(fd);
}

static uint32_t random_next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* Well-formed frames of random commands and bodies, then plain noise. */
static void test_noise(void **state)
{
	struct vm *v = *state;
	uint32_t x = 2463534242u;
	uint8_t body[256], none[1];

	for (int i = 0; i < 20000; i++) {
		uint32_t len = random_next(&x) % 96;

		if (!vm_alive(v)) {
			close(v->fd);
			v->core = (struct vm_core){ 0 };
			vm_connect(v);
			vm_greet(v);
		}
		for (uint32_t b = 0; b < len; b++)
			body[b] = random_next(&x) % 4 ? 0 : (uint8_t)random_next(&x);
		if (i % 100 == 99)
			vm_send(v, body, len, -1);
		else
			vm_put(v, (uint16_t)(random_next(&x) % 17), 0, body, len, -1);
		hv_dispatch(v->hv, 100);
		while (recv(v->fd, none, 1, MSG_DONTWAIT | MSG_TRUNC) > 0)
			;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)
		T(test_sizes_of_headers),	  T(test_order),
		T(test_short_and_rubbish),	  T(test_accesses_outside),
		T(test_multi_counts),		  T(test_memory_that_could_go_away),
		T(test_ranges_have_a_limit),	  T(test_interrupt_descriptors),
		T(test_stray_descriptors),	  T(test_a_client_that_does_not_read),
		T(test_a_flood),		  T(test_cut_short),
		T(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
