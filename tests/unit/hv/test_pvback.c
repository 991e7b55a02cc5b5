// SPDX-License-Identifier: MIT
/*
 * The port for domains without traps against a well-behaved domain: states,
 * accesses, events, reconnection, a mediator that is started again.  Hostile
 * domains are in tests/attack/test_xen_grants.c.
 */
#include "tests/t.h"

#include "gpuvm/base/mem.h"
#include "tests/unit/hv/pvback_hand.h"

static void test_nodes(void **state)
{
	struct hand *h = *state;

	assert_int_equal(hand_back(h), XEN_PV_INIT_WAIT);
	assert_string_equal(fx_get(&h->x, FX_BACK "/mode"), H_MODE);
	assert_string_equal(fx_get(&h->x, FX_BACK "/frontend"), FX_FRONT);
	assert_string_equal(fx_get(&h->x, FX_FRONT "/backend"), FX_BACK);
	assert_int_equal(fx_state(&h->x, FX_FRONT), XEN_PV_INITIALISING);
	assert_int_equal(h->x.mapped, 0);
}

static void test_access(void **state)
{
	struct hand *h = *state;
	struct hv_pvback_stats st;
	struct proc_slot *s;
	struct hv_ram r;
	uint32_t v = 7;
	dma_t d;

	assert_int_equal(hv_ram(h->g, 0, &r), -ENOENT);
	assert_int_equal(hv_read(h->g, gpa(0), &v, 4), -EFAULT);
	assert_int_equal(hv_irq(h->g, 0), -ENODEV);
	hand_connect(h);
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
	assert_int_equal(h->ring->magic, PROC_MAGIC);
	assert_int_equal(h->ring->ram_len, H_RAM * 4096);
	assert_int_equal(h->index->back_alive, 1);
	/* Ring, RAM and index; the list page was let go of. */
	assert_int_equal(h->x.mapped, h->ring_pages + H_RAM + 1);
	hand_put(h, PROC_SPACE_PV, 8, 1, 0x1234);
	s = hand_put(h, PROC_SPACE_PV, 8, 0, 0);
	hand_dispatch(h);
	assert_int_equal(s->seq, h->pos + 1);
	assert_int_equal(s->val, 0x1234);
	assert_int_equal(h->core.accesses, 2);
	/* RAM, to the last byte and no further. */
	assert_int_equal(hv_write(h->g, gpa(H_RAM * 4096 - 4), &v, 4), 0);
	assert_int_equal(h->ram[H_RAM * 4096 - 4], 7);
	assert_int_equal(hv_write(h->g, gpa(H_RAM * 4096 - 3), &v, 4), -EFAULT);
	assert_int_equal(hv_pin(h->g, gpa(H_RAM * 4096), &d), -EFAULT);
	assert_int_equal(hv_pin(h->g, gpa(4096), &d), 0);
	assert_int_equal(hv_ram(h->g, 0, &r), 0);
	assert_int_equal(dma_x(d), dma_x(r.dma) + 4096);
	hv_unpin(h->g, gpa(4096));
	hv_pvback_guest_stats(h->g, &st);
	assert_true(st.connected && st.connections == 1 && st.granted == h->x.mapped);
}

static void test_events(void **state)
{
	struct hand *h = *state;
	unsigned int before;

	hand_connect(h);
	before = h->x.front_events;
	/* Nobody waits: a store and its service cost no event. */
	for (int i = 0; i < 50; i++)
		hand_put(h, PROC_SPACE_PV, 8, 1, 1);
	hand_dispatch(h);
	assert_int_equal(h->x.front_events, before);
	/* Two that wait in one dispatch: one event. */
	hand_put(h, PROC_SPACE_PV, 8, 0, 0)->waiting = 1;
	hand_put(h, PROC_SPACE_PV, 8, 0, 0)->waiting = 1;
	hand_dispatch(h);
	assert_int_equal(h->x.front_events, before + 1);
	/* An interrupt is a number and an event. */
	assert_int_equal(hv_irq(h->g, 0), 0);
	assert_int_equal(hv_irq(h->g, 0), 0);
	/* Raised outside of a dispatch: no sleep before it is told. */
	assert_true(hv_arm(h->hv));
	hand_dispatch(h);
	assert_int_equal(h->index->irqs, 2);
	assert_int_equal(h->x.front_events, before + 2);
	/* Asleep, the mediator asks for an event; awake it does not. */
	assert_false(hv_arm(h->hv));
	assert_int_equal(h->ring->asleep, 1);
	hand_put(h, PROC_SPACE_PV, 8, 1, 2);
	assert_true(hv_arm(h->hv));
	assert_int_equal(h->ring->asleep, 0);
}

static void test_reconnect(void **state)
{
	struct hand *h = *state;

	for (unsigned int i = 1; i <= 3; i++) {
		hand_connect(h);
		assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
		fx_say_n(&h->x, "state", XEN_PV_CONNECTED);
		hand_put(h, PROC_SPACE_PV, 8, 1, i);
		hand_dispatch(h);
		assert_int_equal(h->core.reg, i);
		assert_int_equal(h->core.resets, i - 1);
		/* The card is still at it for a while: nothing is let go of before. */
		h->core.busy = 3;
		fx_say_n(&h->x, "state", XEN_PV_CLOSING);
		hand_dispatch(h);
		assert_int_equal(hand_back(h), XEN_PV_CLOSED);
		assert_int_equal(h->core.busy, 0);
		assert_int_equal(h->x.mapped, 0);
		assert_int_equal(h->ring->dead, 1);
		assert_int_equal(h->index->back_alive, 0);
		h->pos = 0;
		h->index->front_alive = 1;
	}
	assert_int_equal(h->core.detached, 0);
}

static void test_busy_card(void **state)
{
	struct hand *h = *state;

	hand_connect(h);
	h->core.busy = 1000;
	fx_say_n(&h->x, "state", XEN_PV_CLOSED);
	hand_dispatch(h);
	/* Not published before it is so, not served meanwhile, and the loop comes back by itself. */
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
	assert_int_equal(h->x.mapped, h->ring_pages + H_RAM + 1);
	hand_put(h, PROC_SPACE_PV, 8, 1, 9);
	hand_dispatch(h);
	assert_int_equal(h->core.accesses, 0);
	assert_true(hv_arm(h->hv));
	h->core.busy = 0;
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_CLOSED);
}

/* The program was killed, and its agent with it: the domain's kernel clears a byte and says so. */
static void test_program_dies(void **state)
{
	struct hand *h = *state;

	hand_connect(h);
	h->index->front_alive = 0;
	fx_kick(&h->x, h->port);
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_CLOSED);
	assert_int_equal(h->x.mapped, 0);
	h->pos = 0;
	h->index->front_alive = 1;
	hand_connect(h);
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
}

/* Another agent starts while the last one's connection stands. */
static void test_new_agent(void **state)
{
	struct hand *h = *state;

	hand_connect(h);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISING);
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_INIT_WAIT);
	assert_int_equal(h->x.mapped, 0);
	assert_int_equal(h->core.resets, 1);
}

static void test_domain_ends(void **state)
{
	struct hand *h = *state;

	hand_connect(h);
	h->x.alive = false;
	h->x.changed = true;
	fx_raise(h->x.back_fd);
	hand_dispatch(h);
	assert_int_equal(h->core.detached, 1);
	assert_int_equal(h->x.mapped, 0);
	assert_null(fx_get(&h->x, FX_BACK "/state"));
}

static void test_detach(void **state)
{
	struct hand *h = *state;

	hand_connect(h);
	hv_pvback_guest_drop(h->g, "by hand");
	assert_int_equal(h->core.detached, 1);
	assert_null(fx_get(&h->x, FX_BACK "/state"));
	assert_null(fx_get(&h->x, FX_FRONT "/backend"));
	assert_string_equal(h->ring->why, "by hand");
	/* And again. */
	assert_int_equal(hv_pvback_guest_new(h->hv, &hand_cfg, &h->g), 0);
	assert_int_equal(hv_pvback_guest_new(h->hv, &hand_cfg, &h->g), -EEXIST);
}

static struct hv *restarted(struct hand *h)
{
	struct hv *hv;

	h->x.open = true;
	assert_int_equal(hv_pvback_open(&hc_up, &h->core, NULL, &h->x.back, &hv), 0);
	return hv;
}

/* The daemon stops and starts again: the domain is told, and what was asked for is found. */
static void test_restart(void **state)
{
	struct hand *h = *state;
	unsigned int at = 0;
	char *keep;

	hand_connect(h);
	fx_say_n(&h->x, "state", XEN_PV_CONNECTED);
	hv_close(h->hv);
	assert_int_equal(hand_back(h), XEN_PV_CLOSED);
	assert_int_equal(h->x.mapped, 0);
	h->hv = restarted(h);
	keep = hv_pvback_kept(h->hv, &at);
	assert_string_equal(keep, "{}");
	free(keep);
	assert_null(hv_pvback_kept(h->hv, &at));
	assert_int_equal(hv_pvback_guest_new(h->hv, &hand_cfg, &h->g), 0);
	/* Connected, it believes; not to this one. */
	assert_int_equal(hand_back(h), XEN_PV_CLOSING);
	fx_say_n(&h->x, "state", XEN_PV_CLOSED);
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_CLOSED);
	h->pos = 0;
	hand_connect(h);
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
	at = 0;
	assert_null(hv_pvback_kept(h->hv, &at));
}

/* The daemon is killed while a domain waits to be connected: the next one connects it. */
static void test_restart_waiting(void **state)
{
	struct hand *h = *state;

	hand_memory(h);
	fx_say_n(&h->x, "version", XEN_PV_VERSION);
	fx_say_n(&h->x, "index-ref", h->index_ref);
	fx_say_n(&h->x, "event-channel", h->port);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
	fx_kill_back(&h->x);
	hv_close(h->hv);
	h->hv = restarted(h);
	assert_int_equal(hv_pvback_guest_new(h->hv, &hand_cfg, &h->g), 0);
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
}

/* A later domain of the same number is another one. */
static void test_restart_other(void **state)
{
	struct hand *h = *state;
	unsigned int at = 0;

	hv_close(h->hv);
	fx_set(&h->x, "/local/domain/7/vm", "/vm/2222");
	h->hv = restarted(h);
	assert_null(hv_pvback_kept(h->hv, &at));
	assert_null(fx_get(&h->x, FX_BACK "/keep"));
}

static void test_refused(void **state)
{
	struct hand *h = *state;
	struct hv_pvback_cfg c = hand_cfg;
	struct hv_guest *g;

	c.domid = 9;
	assert_int_equal(hv_pvback_guest_new(h->hv, &c, &g), -ESRCH);
	hv_pvback_guest_drop(h->g, "away");
	h->core.attach_err = -EBUSY;
	assert_int_equal(hv_pvback_guest_new(h->hv, &hand_cfg, &g), -EBUSY);
	h->core.attach_err = 0;
	c = hand_cfg;
	c.bar_len[1] = 5;
	assert_int_equal(hv_pvback_guest_new(h->hv, &c, &g), -EINVAL);
	assert_int_equal(hv_pvback_guest_new(h->hv, &hand_cfg, &h->g), 0);
	/* The device does not take the RAM. */
	h->core.grant_err = -ENOSPC;
	hand_connect(h);
	assert_int_equal(hand_back(h), XEN_PV_CLOSING);
	assert_int_equal(h->x.mapped, 0);
	h->core.grant_err = 0;
	hand_connect(h);
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
}

/* Whatever call of Xen's fails while a guest is made and connected: nothing is left, and it can be tried again. */
static void test_failures(void **state)
{
	struct hand *h = *state;
	unsigned int failed = 0;

	hand_memory(h);
	for (unsigned int n = 1; n < 60; n++) {
		int err;

		if (h->g)
			hv_pvback_guest_drop(h->g, "again");
		h->g = NULL;
		h->pos = 0;
		h->index->front_alive = 1;
		h->x.fail_at = n;
		err = hv_pvback_guest_new(h->hv, &hand_cfg, &h->g);
		if (err) {
			h->g = NULL;
			failed++;
			assert_int_equal(h->x.mapped, 0);
			continue;
		}
		fx_say_n(&h->x, "state", XEN_PV_INITIALISING);
		hand_dispatch(h);
		hand_publish(h);
		failed += hand_back(h) != XEN_PV_CONNECTED;
		h->x.fail_at = 0;
		if (hand_back(h) == XEN_PV_CONNECTED)
			continue;
		/* Whatever it published instead, a domain that starts anew gets in. */
		hand_connect(h);
		assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
	}
	assert_true(failed > 5);
	assert_int_equal(h->core.attached - h->core.detached, h->g != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nodes, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_access, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_events, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_reconnect, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_busy_card, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_program_dies, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_new_agent, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_domain_ends, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_detach, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_restart, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_restart_waiting, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_restart_other, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_refused, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_failures, hand_setup, hand_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
