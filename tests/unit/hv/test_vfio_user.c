// SPDX-License-Identifier: MIT
/* The vfio-user port: what a well-behaved client gets. */
#include "tests/t.h"
#include "tests/unit/hv/vm_client.h"

static void test_regions_and_interrupts_are_described(void **state)
{
	struct vm *v = *state;
	struct vfio_device_info d = { .argsz = sizeof d };
	struct vfio_region_info r = { .argsz = sizeof r, .index = VFIO_BAR0 };
	struct vfio_irq_info i = { .argsz = sizeof i, .index = VFIO_MSI };

	vm_put(v, VFIO_CMD_DEVICE_INFO, 0, &d, sizeof d, -1);
	vm_serve(v);
	assert_int_equal(vm_get(v, &d, sizeof d), 0);
	assert_int_equal(d.nr_regions, VFIO_REGIONS);
	vm_put(v, VFIO_CMD_REGION_INFO, 0, &r, sizeof r, -1);
	vm_serve(v);
	assert_int_equal(vm_get(v, &r, sizeof r), 0);
	assert_int_equal(r.size, VM_BAR0);
	/* Never a mapping: on Fermi the guest moves what is behind BAR1 and BAR3. */
	assert_int_equal(r.flags, VFIO_REGION_READABLE | VFIO_REGION_WRITABLE);
	vm_put(v, VFIO_CMD_IRQ_INFO, 0, &i, sizeof i, -1);
	vm_serve(v);
	assert_int_equal(vm_get(v, &i, sizeof i), 0);
	assert_int_equal(i.count, 1);
}

static void test_accesses_of_every_size(void **state)
{
	struct vm *v = *state;

	for (uint32_t size = 1; size <= 8; size *= 2) {
		struct {
			struct vfio_rw q;
			uint64_t val;
		} m = { { 0x40, VFIO_BAR0, size }, 0x1122334455667788ull };
		uint64_t mask = ~0ull >> (64 - 8 * size);

		vm_put(v, VFIO_CMD_REGION_WRITE, 0, &m, (uint32_t)sizeof m.q + size, -1);
		vm_serve(v);
		assert_int_equal(vm_get(v, &m.q, sizeof m.q), 0);
		assert_int_equal(v->core.last.size, size);
		assert_int_equal(v->core.last.val, 0x1122334455667788ull & mask);
		m.val = 0;
		vm_put(v, VFIO_CMD_REGION_READ, 0, &m.q, sizeof m.q, -1);
		vm_serve(v);
		assert_int_equal(vm_get(v, &m, sizeof m), 0);
		assert_int_equal(m.val, 0x55667788ull & mask);
	}
}

static void test_many_writes_in_one_message(void **state)
{
	struct vm *v = *state;
	struct {
		uint64_t nr;
		struct vfio_write w[3];
	} m = { 3, { { 0, VFIO_BAR0, 4, { 1 } }, { 4, VFIO_BAR0, 4, { 2 } }, { 8, VFIO_BAR0, 4, { 3 } } } };

	vm_put(v, VFIO_CMD_WRITE_MULTI, VFIO_HDR_NO_REPLY, &m, sizeof m, -1);
	vm_serve(v);
	assert_int_equal(vm_get(v, &m, 0), -1);
	assert_int_equal(v->core.reg[0], 1);
	assert_int_equal(v->core.reg[1], 2);
	assert_int_equal(v->core.reg[2], 3);
	/* One of them wrong: none is done. */
	m.w[0].data[0] = 9;
	m.w[2].offset = VM_BAR0;
	assert_int_equal(vm_call(v, VFIO_CMD_WRITE_MULTI, &m, sizeof m, -1), EINVAL);
	assert_int_equal(v->core.reg[0], 1);
}

static void test_messages_in_pieces(void **state)
{
	struct vm *v = *state;
	struct {
		struct vfio_hdr h;
		struct vfio_rw q;
		uint32_t val;
	} m = { { 7, VFIO_CMD_REGION_WRITE, sizeof m, 0, 0 }, { 0, VFIO_BAR0, 4 }, 0xabcd };
	uint8_t none[1];

	_Static_assert(sizeof m == 40, "padding at the end belongs to the message");
	for (size_t i = 0; i < sizeof m; i++) {
		assert_int_equal(v->core.accesses, 0);
		vm_send(v, (uint8_t *)&m + i, 1, -1);
		vm_serve(v);
	}
	v->id = 7;
	assert_int_equal(vm_get(v, none, 0), 0);
	assert_int_equal(v->core.reg[0], 0xabcd);
}

static void test_memory_comes_and_goes(void **state)
{
	struct vm *v = *state;
	int fd = vm_memory(1 << 20, F_SEAL_SHRINK);
	uint32_t word = 0x12345678, got = 0;
	dma_t bus;

	assert_int_equal(vm_map(v, 0x100000, 0x10000, fd, 0x1000), 0);
	assert_int_equal(vm_map(v, 0x110000, 0x10000, fd, 0x11000), 0);
	assert_int_equal(v->core.grants, 2);
	/* Across the border of two ranges. */
	assert_int_equal(hv_write(v->g, gpa(0x10fffe), &word, 4), 0);
	assert_int_equal(pread(fd, &got, 4, 0x10ffe), 4);
	assert_int_equal(got, word);
	assert_int_equal(hv_read(v->g, gpa(0x11fffe), &got, 4), -EFAULT);
	assert_int_equal(hv_pin(v->g, gpa(0x101000), &bus), 0);
	assert_int_equal(dma_x(bus), VFIO_DMA_BASE + 0x101000);
	hv_unpin(v->g, gpa(0x101000));
	assert_int_equal(hv_pin(v->g, gpa(0x130000), &bus), -EFAULT);
	assert_int_equal(vm_unmap(v, 0x100000, 0x8000), EINVAL); /* no splitting */
	assert_int_equal(vm_unmap(v, 0x100000, 0x20000), 0);
	assert_int_equal(v->core.revokes, 2);
	assert_int_equal(hv_read(v->g, gpa(0x100000), &got, 4), -EFAULT);
	close(fd);
}

static void test_unmap_waits_for_the_core(void **state)
{
	struct vm *v = *state;
	int fd = vm_memory(1 << 20, F_SEAL_SHRINK);
	uint32_t got;

	assert_int_equal(vm_map(v, 0, 0x10000, fd, 0), 0);
	v->core.revoke_err = -EBUSY;
	assert_int_equal(vm_unmap(v, 0, 0x10000), -1);
	assert_int_equal(hv_read(v->g, gpa(0), &got, 4), 0);
	assert_true(hv_arm(v->hv)); /* or nobody would ask again */
	v->core.revoke_err = 0;
	vm_serve(v);
	assert_int_equal(vm_get(v, &got, 0), 0);
	assert_int_equal(hv_read(v->g, gpa(0), &got, 4), -EFAULT);
	assert_false(hv_arm(v->hv));
	close(fd);
}

static uint64_t count(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof n) == sizeof n ? n : 0;
}

static void test_interrupts(void **state)
{
	struct vm *v = *state;
	int fd = eventfd(0, EFD_NONBLOCK);
	struct vfio_irq_set q = { sizeof q, VFIO_SET_EVENTFD | VFIO_SET_TRIGGER, VFIO_INTX, 0, 1 };
	struct vfio_irq_set unmask = { sizeof q, VFIO_SET_NONE | VFIO_SET_UNMASK, VFIO_INTX, 0, 1 };

	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &q, sizeof q, fd), 0);
	hv_irq(v->g, 0);
	hv_irq(v->g, 0); /* masked by the first */
	assert_int_equal(count(fd), 1);
	v->core.line = true;
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &unmask, sizeof unmask, -1), 0);
	assert_int_equal(count(fd), 1);
	v->core.line = false;
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &unmask, sizeof unmask, -1), 0);
	assert_int_equal(count(fd), 0);
	q.index = VFIO_MSI;
	assert_int_equal(vm_call(v, VFIO_CMD_SET_IRQS, &q, sizeof q, fd), 0);
	hv_irq(v->g, 0);
	hv_irq(v->g, 0); /* each is a message */
	assert_int_equal(count(fd), 2);
	close(fd);
}

static void test_reset_and_hangup(void **state)
{
	struct vm *v = *state;

	assert_int_equal(vm_call(v, VFIO_CMD_RESET, NULL, 0, -1), 0);
	assert_int_equal(v->core.resets, 1);
	shutdown(v->fd, SHUT_RDWR);
	vm_serve(v);
	assert_int_equal(v->core.detached, 1);
}

static void test_socket_file(void **state)
{
	struct vm *v = *state;
	char path[] = "/tmp/gpuvm-test-XXXXXX", at[64];
	struct hv_vfio_cfg cfg = { .name = "b", .path = at };
	struct hv_guest *g;

	assert_non_null(mkdtemp(path));
	snprintf(at, sizeof at, "%s/s", path);
	assert_int_equal(hv_vfio_guest_new(v->hv, &cfg, &g), 0);
	assert_int_equal(access(at, F_OK), 0);
	hv_vfio_guest_drop(g, "test");
	assert_int_equal(access(at, F_OK), -1);
	/* What lies there already is somebody's. */
	assert_int_equal(close(open(at, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(hv_vfio_guest_new(v->hv, &cfg, &g), -EADDRINUSE);
	assert_int_equal(unlink(at), 0);
	rmdir(path);
}

/* More accesses than the log holds: the last ones are written, at the guest's end. */
static void test_access_log(void **state)
{
	struct vm *v = *state, w = { .hv = v->hv };
	char dir[] = "/tmp/gpuvm-test-XXXXXX", path[64], line[100];
	struct {
		uint64_t nr;
		struct vfio_write w[500];
	} m = { .nr = 500 };
	unsigned int lines = 0;
	int sv[2];
	struct hv_vfio_cfg cfg = { .name = "l", .bar_len = { VM_BAR0 }, .access_log = path };
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/log", dir);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	w.fd = sv[0];
	cfg.fd = sv[1];
	assert_int_equal(hv_vfio_guest_new(v->hv, &cfg, &w.g), 0);
	vm_greet(&w);
	for (uint32_t k = 0; k < 70; k++) {
		for (uint32_t i = 0; i < 500; i++)
			m.w[i] = (struct vfio_write){ 4 * i, VFIO_BAR0, 4, { (uint8_t)k } };
		assert_int_equal(vm_call(&w, VFIO_CMD_WRITE_MULTI, &m, sizeof m, -1), 0);
	}
	hv_vfio_guest_drop(w.g, "test");
	close(w.fd);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		lines++;
	assert_non_null(strstr(line, " write bar0 0007cc 4 45\n"));
	assert_int_equal(lines, 32768);
	fclose(f);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)
		T(test_regions_and_interrupts_are_described),
		T(test_accesses_of_every_size),
		T(test_many_writes_in_one_message),
		T(test_messages_in_pieces),
		T(test_memory_comes_and_goes),
		T(test_unmap_waits_for_the_core),
		T(test_interrupts),
		T(test_reset_and_hangup),
		T(test_socket_file),
		T(test_access_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
