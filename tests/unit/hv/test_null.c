// SPDX-License-Identifier: MIT
/* The null hypervisor keeps the port's contract. */
#include "tests/t.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvm/hv/null.h"

struct core {
	unsigned int attached, detached, accesses;
	int attach_err, access_err, revoke_err;
	struct hv_access last;
	bool kill_in_access;
};

static int up_attach(void *c, struct hv_guest *g)
{
	struct core *core = c;

	assert_non_null(g->cfg);
	if (core->attach_err)
		return core->attach_err;
	core->attached++;
	g->vgpu = core;
	return 0;
}

static void up_detach(void *c, struct hv_guest *g)
{
	assert_ptr_equal(g->vgpu, c);
	((struct core *)c)->detached++;
}

static int up_access(void *c, struct hv_guest *g, struct hv_access *a)
{
	struct core *core = c;

	core->accesses++;
	core->last = *a;
	if (!a->write)
		a->val = 0x1122334455667788ull;
	if (core->kill_in_access)
		hv_kill(g, "misbehaved");
	return core->access_err;
}

static int up_revoke(void *c, struct hv_guest *g, gpa_t start, uint64_t len)
{
	(void)g, (void)start, (void)len;
	return ((struct core *)c)->revoke_err;
}

static const struct hv_up up = {
	.attach = up_attach, .detach = up_detach, .access = up_access, .revoke = up_revoke
};

struct fix {
	struct core core;
	struct hv *hv;
	struct hv_guest *g;
};

static int setup(void **state)
{
	static struct fix f;

	memset(&f, 0, sizeof f);
	*state = &f;
	return hv_null_open(&up, &f.core, NULL, &f.hv) ||
	       hv_null_guest_new(f.hv, "a\nb", 1 << 20, "cfg", &f.g);
}

static int teardown(void **state)
{
	struct fix *f = *state;

	hv_close(f->hv);
	assert_int_equal(f->core.attached, f->core.detached);
	return 0;
}

static void test_guest(void **state)
{
	struct fix *f = *state;
	struct hv_guest *b;

	assert_string_equal(f->g->name, "a?b");
	assert_null(f->g->cfg);
	assert_int_equal(hv_null_guest_new(f->hv, "x", 4095, "cfg", &b), -EINVAL);
	assert_int_equal(hv_null_guest_new(f->hv, "x", 0, "cfg", &b), -EINVAL);
	f->core.attach_err = -ENOSPC;
	assert_int_equal(hv_null_guest_new(f->hv, "x", 4096, "cfg", &b), -ENOSPC);
	f->core.attach_err = 0;
	assert_int_equal(hv_null_guest_new(f->hv, "x", 4096, "cfg", &b), 0);
	assert_int_not_equal(b->id, f->g->id);
	hv_null_guest_free(b);
	hv_null_guest_free(NULL);
}

static void test_ram(void **state)
{
	struct fix *f = *state;
	struct hv_ram r;
	char buf[8] = "1234567";

	assert_int_equal(hv_write(f->g, gpa(4093), buf, 8), 0);
	assert_memory_equal((char *)hv_null_ram(f->g) + 4093, "1234567", 8);
	memset(buf, 0, 8);
	assert_int_equal(hv_read(f->g, gpa(4093), buf, 8), 0);
	assert_string_equal(buf, "1234567");
	assert_int_equal(hv_read(f->g, gpa((1 << 20) - 7), buf, 8), -EFAULT);
	assert_int_equal(hv_write(f->g, gpa(~0ull - 3), buf, 8), -EFAULT);
	assert_int_equal(hv_ram(f->g, 0, &r), 0);
	assert_int_equal(r.len, 1 << 20);
	assert_ptr_equal(r.mem, hv_null_ram(f->g));
	assert_int_equal((uintptr_t)r.mem % 4096, 0);
	assert_int_equal(hv_ram(f->g, 1, &r), -ENOENT);
}

static void test_access(void **state)
{
	struct fix *f = *state;
	uint64_t v = 0xffff;

	assert_int_equal(hv_null_access(f->g, HV_BAR0, 0x100, 1, true, &v), 0);
	assert_int_equal(f->core.last.val, 0xff);
	assert_true(f->core.last.write);
	assert_int_equal(hv_null_access(f->g, HV_BAR1, 0x200, 4, false, &v), 0);
	assert_int_equal(v, 0x55667788);
	assert_int_equal(f->core.last.space, HV_BAR1);
	f->core.access_err = -EPERM;
	assert_int_equal(hv_null_access(f->g, HV_BAR0, 0, 8, false, &v), -EPERM);
	assert_true(v == 0x1122334455667788ull);
}

static void test_pins(void **state)
{
	struct fix *f = *state;
	dma_t a, b;
	uint64_t v;

	assert_int_equal(hv_pin(f->g, gpa(0x1000), &a), 0);
	assert_int_equal(hv_pin(f->g, gpa(0x1000), &b), 0);
	assert_true(dma_x(a) == dma_x(b) && (uint32_t)dma_x(a) == 0x1000 && dma_x(a) >> 32);
	assert_int_equal(hv_null_pins(f->g), 2);
	hv_unpin(f->g, gpa(0x1000));
	assert_int_equal(hv_null_pins(f->g), 1);
	assert_int_equal(hv_pin(f->g, gpa(0x1001), &a), -EFAULT);
	assert_int_equal(hv_pin(f->g, gpa(1 << 20), &a), -EFAULT);
	/* Gone with the guest. */
	hv_kill(f->g, "first");
	hv_kill(f->g, "second");
	assert_string_equal(hv_null_killed(f->g), "first");
	assert_int_equal(f->core.detached, 0);
	assert_true(hv_arm(f->hv));
	assert_int_equal(hv_dispatch(f->hv, 10), 0);
	assert_false(hv_arm(f->hv));
	assert_int_equal(f->core.detached, 1);
	assert_int_equal(hv_null_pins(f->g), 0);
	assert_int_equal(hv_null_access(f->g, HV_BAR0, 0, 4, false, &v), -ENODEV);
	assert_int_equal(v, 0xffffffff);
}

static void test_kill_in_access(void **state)
{
	struct fix *f = *state;
	uint64_t v;

	f->core.kill_in_access = true;
	assert_int_equal(hv_null_access(f->g, HV_BAR0, 0, 4, false, &v), 0);
	assert_int_equal(f->core.detached, 0);
	hv_dispatch(f->hv, 1);
	assert_int_equal(f->core.detached, 1);
}

static void test_revoke(void **state)
{
	struct fix *f = *state;
	struct hv_ram r;
	char c;
	dma_t d;

	f->core.revoke_err = -EBUSY;
	assert_int_equal(hv_null_revoke(f->g, gpa(0x3000), 0x2000), -EBUSY);
	assert_int_equal(hv_read(f->g, gpa(0x3000), &c, 1), 0);
	f->core.revoke_err = 0;
	assert_int_equal(hv_null_revoke(f->g, gpa(0x3000), 0x2000), 0);
	assert_int_equal(hv_read(f->g, gpa(0x2fff), &c, 1), 0);
	assert_int_equal(hv_read(f->g, gpa(0x3000), &c, 1), -EFAULT);
	assert_int_equal(hv_read(f->g, gpa(0x4fff), &c, 1), -EFAULT);
	assert_int_equal(hv_write(f->g, gpa(0x2fff), "ab", 2), -EFAULT);
	assert_int_equal(hv_pin(f->g, gpa(0x4000), &d), -EFAULT);
	assert_int_equal(hv_ram(f->g, 0, &r), 0);
	assert_int_equal(r.len, 0x3000);
	assert_int_equal(hv_ram(f->g, 1, &r), 0);
	assert_true(gpa_x(r.gpa) == 0x5000 && r.len == (1 << 20) - 0x5000);
	assert_int_equal(hv_ram(f->g, 2, &r), -ENOENT);
	assert_int_equal(hv_null_revoke(f->g, gpa(0x3001), 0x1000), -EINVAL);
	assert_int_equal(hv_null_revoke(f->g, gpa(1 << 20), 0x1000), -EINVAL);
}

static void test_faults_on_order(void **state)
{
	struct fix *f = *state;
	struct hv_ram r;
	char c;
	dma_t d;

	hv_null_fail_after(f->hv, 3, -EIO);
	assert_int_equal(hv_read(f->g, gpa(0), &c, 1), 0);
	assert_int_equal(hv_irq(f->g, 0), 0);
	assert_int_equal(hv_pin(f->g, gpa(0), &d), -EIO);
	assert_int_equal(hv_pin(f->g, gpa(0), &d), 0);
	hv_null_fail_after(f->hv, 1, -ENOMEM);
	assert_int_equal(hv_ram(f->g, 0, &r), -ENOMEM);
	hv_null_fail_after(f->hv, 1, -ENOMEM);
	hv_null_fail_after(f->hv, 0, 0);
	assert_int_equal(hv_irq(f->g, 0), 0);
	assert_int_equal(hv_null_irqs(f->g), 2);
}

static void test_caps(void **state)
{
	struct fix *f = *state;

	assert_int_equal(hv_watch(f->g, gpa(0)), -EOPNOTSUPP);
	assert_int_equal(hv_poll_fd(f->hv), -EOPNOTSUPP);
}

static void test_windows(void **state)
{
	struct fix *f = *state;
	int fd = memfd_create("window", MFD_CLOEXEC), got;
	uint64_t v = 0, at;
	uint32_t word;

	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(hv_map(f->g, HV_BAR0, 0, 4096, fd, 0), -EINVAL);
	assert_int_equal(hv_map(f->g, HV_BAR1, 0, 4095, fd, 0), -EINVAL);
	assert_int_equal(hv_map(f->g, HV_BAR1, 0x5000, 8192, fd, 0), 0);
	v = 0x11223344;
	assert_int_equal(hv_null_access(f->g, HV_BAR1, 0x6010, 4, true, &v), 0);
	assert_int_equal(pread(fd, &word, 4, 0x1010), 4);
	assert_int_equal(word, 0x11223344);
	assert_int_equal(hv_null_access(f->g, HV_BAR1, 0x6012, 2, false, &v), 0);
	assert_int_equal(v, 0x1122);
	assert_int_equal(f->core.accesses, 0);
	assert_true(hv_null_window(f->g, HV_BAR1, 0x6010, &got, &at) && at == 0x1010);
	assert_false(hv_null_window(f->g, HV_BAR1, 0x7000, &got, &at));
	assert_false(hv_null_window(f->g, HV_BAR3, 0x5000, &got, &at));
	/* At once, or with the next access that traps. */
	assert_int_equal(hv_unmap(f->g, HV_BAR1, 0x6000, 4096), 0);
	assert_true(hv_unmapped(f->g));
	hv_null_access(f->g, HV_BAR1, 0x6010, 4, false, &v);
	assert_int_equal(f->core.accesses, 1);
	hv_null_lag(f->g, 1);
	assert_int_equal(hv_unmap(f->g, HV_BAR1, 0x5000, 4096), 0);
	assert_false(hv_unmapped(f->g));
	hv_null_access(f->g, HV_BAR1, 0x5010, 4, false, &v);
	assert_int_equal(f->core.accesses, 1);
	hv_null_access(f->g, HV_BAR0, 0, 4, false, &v);
	assert_true(hv_unmapped(f->g));
	hv_null_access(f->g, HV_BAR1, 0x5010, 4, false, &v);
	assert_int_equal(f->core.accesses, 3);
	/* RAM, by the file that hv_ram() names. */
	{
		struct hv_ram r;

		assert_int_equal(hv_ram(f->g, 0, &r), 0);
		assert_int_equal(hv_map(f->g, HV_BAR3, 0, 4096, r.fd, r.fd_at + 4096), 0);
		v = 0x77;
		hv_null_access(f->g, HV_BAR3, 3, 1, true, &v);
		assert_int_equal(((uint8_t *)hv_null_ram(f->g))[4099], 0x77);
	}
	hv_null_fail_after(f->hv, 1, -EIO);
	assert_int_equal(hv_map(f->g, HV_BAR1, 0, 4096, fd, 0), -EIO);
	hv_null_fail_after(f->hv, 1, -EIO);
	assert_int_equal(hv_unmap(f->g, HV_BAR3, 0, 4096), -EIO);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_guest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_access, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill_in_access, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoke, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults_on_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_caps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
