// SPDX-License-Identifier: MIT
/*
 * Both ends of the transport of a domain without traps, from gpuvm-copy to the
 * software GPU, with a Xen of the test's own between them: granted pages are
 * real shared memory, and the program is a process of its own.
 */
#include "tests/t.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/dev/dev.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hp.h"
#include "gpuvm/hv/pvback.h"
#include "pv-driver/proc_client.h"
#include "tests/guest/fakefront.h"
#include "tests/unit/hv/fakexen_back.h"

#define DEADLINE 120000000000ull /* only so that a lost wake-up is a failure and not a hang */
#define RAM (8u << 20)

struct fix {
	struct fx x;
	struct ff ff;
	struct gpuvm *g;
	struct hv *hv;
	struct hv_guest *guest;
	struct xen_front *front;
	int irq[2], life[2];
	pid_t pid;
	char file[64];
};

static void work(void *arg)
{
	struct fix *f = arg;
	uint64_t next;

	for (int i = 0; f->g && i < 40; i++)
		gpuvm_step(f->g, dev_now(f->g->dev), &next);
}

/* A mediator, as gpuvmd opens it. */
static void mediator(struct fix *f)
{
	static const struct gpuvm_cfg cfg = { .policy = NULL, .audit_each_flush = true };
	struct dev *dev;
	char msg[300];

	assert_int_equal(dev_open("sim:vram=256M", NULL, &dev, msg, sizeof msg), 0);
	assert_int_equal(gpuvm_new(dev, &cfg, &f->g, msg, sizeof msg), 0);
	f->x.open = true;
	assert_int_equal(hv_pvback_open(&gpuvm_up, f->g, NULL, &f->x.back, &f->hv), 0);
	gpuvm_set_hv(f->g, f->hv);
}

static void attach(struct fix *f, enum vgpu_mode mode, uint32_t ops)
{
	const struct vgpu_cfg v = { .mode = mode, .vram_len = 64u << 20, .pv_ops = ops };
	struct hv_pvback_cfg c = { .name = "dom", .domid = FX_DOM, .keep = "{}", .cfg = &v };

	c.mode = mode == VGPU_HP_PV ? "hp-pv" : "naive-pv,multicall=8";
	c.bar_len[PROC_BAR_PV] = 4096;
	if (mode != VGPU_HP_PV) {
		c.bar_len[0] = GF100_BAR0_LEN;
		c.bar_len[1] = GF100_BAR1_LEN;
		c.bar_len[3] = GF100_BAR3_LEN;
	}
	assert_int_equal(hv_pvback_guest_new(f->hv, &c, &f->guest), 0);
}

static int connect_as(struct fix *f, const char *mode, char *msg, size_t n)
{
	const struct xen_front_cfg c = { .mode = mode, .ram_len = RAM, .wait_ns = DEADLINE };

	ff_init(&f->ff, &f->x, work, f);
	return xen_front_open(&f->ff.lib, &c, &f->front, msg, n);
}

static void data_file(struct fix *f)
{
	uint8_t buf[8192];
	int fd;

	strcpy(f->file, "/tmp/gpuvm-xen-pv-XXXXXX");
	fd = mkstemp(f->file);
	assert_true(fd >= 0);
	for (int k = 0; k < 12; k++) {
		for (unsigned int i = 0; i < sizeof buf; i++)
			buf[i] = (uint8_t)(i * 7 + i / 251 + (unsigned int)k);
		assert_int_equal(write(fd, buf, sizeof buf), sizeof buf);
	}
	close(fd);
}

/* gpuvm-copy beside this test's folder, with the descriptors that an agent hands over. */
static void start(struct fix *f, const char *repeat)
{
	char env[96], exe[400], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 40);

	assert_true(n > 0);
	exe[n] = '\0';
	slash = strstr(exe, "/tests/guest/");
	assert_non_null(slash);
	strcpy(slash, "/bin/gpuvm-copy");
	/* Without a kernel's port, kick is what domain 0 polls. */
	f->front->far->port = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->irq), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->life), 0);
	snprintf(env, sizeof env, "%d,%d,%d,%d,%d,%d", f->front->ring_fd, f->front->ram_fd, f->irq[1],
		 f->x.back_fd, f->life[1], f->front->far_fd);
	f->pid = fork();
	if (!f->pid) {
		const int keep[] = { f->front->ring_fd, f->front->ram_fd, f->irq[1], f->x.back_fd,
				     f->life[1], f->front->far_fd };

		for (unsigned int i = 0; i < ARRAY_SIZE(keep); i++)
			fcntl(keep[i], F_SETFD, 0);
		setenv(PROC_ENV, env, 1);
		execl(exe, exe, f->file, "--chunk", "16K", "--repeat", repeat, "--irq", (char *)NULL);
		_exit(99);
	}
	close(f->irq[1]);
	close(f->life[1]);
}

/* An agent's loop, and domain 0's; true if the program ended. */
static bool attend(struct fix *f, int *status)
{
	struct pollfd p = { .fd = f->x.front_fd, .events = POLLIN };

	work(f);
	if (poll(&p, 1, 0) > 0 && xen_front_event(f->front))
		send(f->irq[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return waitpid(f->pid, status, WNOHANG) == f->pid;
}

static int finish(struct fix *f)
{
	uint64_t end = clock_ns() + DEADLINE;
	int status = 0;

	while (!attend(f, &status)) {
		if (clock_ns() < end)
			continue;
		kill(f->pid, SIGKILL);
		fail_msg("the program hangs");
	}
	close(f->irq[0]);
	close(f->life[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void disconnect(struct fix *f)
{
	xen_front_close(f->front);
	f->front = NULL;
	assert_false(f->ff.open);
	/* One that could not say that it ends is missed all the same. */
	for (int i = 0; i < 100; i++)
		work(f);
	assert_int_equal(f->x.mapped, 0);
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof *f);

	fx_open(&f->x);
	mediator(f);
	data_file(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	gpuvm_free(f->g);
	f->g = NULL;
	assert_int_equal(f->x.mapped, 0);
	unlink(f->file);
	fx_close(&f->x);
	free(f);
	return 0;
}

static void copies(struct fix *f, const char *mode)
{
	char msg[300] = "";

	for (int i = 0; i < 2; i++) {
		assert_int_equal(connect_as(f, mode, msg, sizeof msg), 0);
		assert_int_equal(fx_state(&f->x, FX_FRONT), XEN_PV_CONNECTED);
		start(f, "1");
		assert_int_equal(finish(f), 0);
		disconnect(f);
		assert_int_equal(fx_state(&f->x, FX_BACK), XEN_PV_CLOSED);
		assert_int_equal(gpuvm_audit(f->g, NULL), 0);
	}
}

static void test_hp(void **state)
{
	struct fix *f = *state;
	const struct vgpu *v;

	attach(f, VGPU_HP_PV, 0);
	v = f->guest->vgpu;
	copies(f, "hp-pv");
	/* It was that mode: requests, and no register. */
	assert_true(vgpu_hp_stats(v)->submits > 0);
	assert_int_equal(v->stats.reads[HV_BAR0] + v->stats.writes[HV_BAR0], 0);
}

static void test_naive(void **state)
{
	struct fix *f = *state;

	attach(f, VGPU_NAIVE_PV, 8);
	copies(f, "naive-pv");
}

/* What an agent is told when it cannot have what it wants. */
static void test_refusals(void **state)
{
	struct fix *f = *state;
	char msg[300] = "";

	assert_int_equal(connect_as(f, "hp-pv", msg, sizeof msg), -ENODEV);
	assert_non_null(strstr(msg, "gpuvm attach"));
	attach(f, VGPU_NAIVE_PV, 8);
	assert_int_equal(connect_as(f, "hp-pv", msg, sizeof msg), -EPROTO);
	assert_non_null(strstr(msg, "naive-pv,multicall=8"));
	assert_int_equal(connect_as(f, "naive-pv,multicall=16", msg, sizeof msg), -EPROTO);
	assert_int_equal(connect_as(f, "naive", msg, sizeof msg), -EPROTO);
	assert_int_equal(connect_as(f, "naive-pv,multicall=8", msg, sizeof msg), 0);
	disconnect(f);
	assert_int_equal(connect_as(f, NULL, msg, sizeof msg), 0);
	disconnect(f);
}

/* Whatever call of its kernel fails: a line, nothing left, and the next try works. */
static void test_failures(void **state)
{
	struct fix *f = *state;
	unsigned int failed = 0;

	attach(f, VGPU_HP_PV, 0);
	for (unsigned int n = 1; n < 60; n++) {
		const struct xen_front_cfg c = { .ram_len = RAM, .wait_ns = 20000000 };
		char msg[300] = "";
		int err;

		ff_init(&f->ff, &f->x, work, f);
		f->ff.fail_at = n;
		err = xen_front_open(&f->ff.lib, &c, &f->front, msg, sizeof msg);
		failed += err != 0;
		if (!err)
			disconnect(f);
		else
			assert_true(msg[0]);
		assert_false(f->ff.open);
		/* Pages and ports of earlier tries are not reused by this Xen. */
		f->x.next_ref = 8;
		f->x.nr_ports = 0;
		memset(f->x.bound, 0, sizeof f->x.bound);
	}
	assert_true(failed > 8);
	assert_int_equal(connect_as(f, NULL, (char[300]){ 0 }, 300), 0);
	disconnect(f);
}

/* The mediator goes away under a program: it ends and says why, and the next one works. */
static void test_restart(void **state)
{
	struct fix *f = *state;
	unsigned int at = 0;
	char msg[300] = "", *keep;

	attach(f, VGPU_HP_PV, 0);
	assert_int_equal(connect_as(f, NULL, msg, sizeof msg), 0);
	start(f, "100000");
	for (int i = 0, st; i < 2000; i++)
		assert_false(attend(f, &st));
	gpuvm_free(f->g);
	f->g = NULL;
	assert_int_equal(f->x.mapped, 0);
	assert_int_equal(f->front->index->back_alive, 0);
	assert_false(f->front->dead);
	xen_front_event(f->front);
	assert_true(f->front->dead);
	assert_int_equal(finish(f), PROC_EXIT_DEAD);
	/* What was attached is found by the next one, and whose domain it is. */
	mediator(f);
	keep = hv_pvback_kept(f->hv, &at);
	assert_non_null(keep);
	free(keep);
	attach(f, VGPU_HP_PV, 0);
	disconnect(f);
	copies(f, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_naive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
