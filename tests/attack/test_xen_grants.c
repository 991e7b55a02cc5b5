// SPDX-License-Identifier: MIT
/*
 * Claim: a domain of Xen that lies about what it granted, publishes nonsense,
 * or changes its mind at any moment loses its own connection at worst.  The
 * mediator maps only what was granted, maps it whole or not at all, looks at
 * each number once, and lets go of everything; the next connection works.
 */
#include "tests/t.h"

#include "tests/unit/hv/pvback_hand.h"

static void works_again(struct hand *h)
{
	struct proc_slot *s;

	if (!h->index)
		hand_memory(h);
	h->pos = 0;
	h->index->front_alive = 1;
	hand_connect(h);
	assert_int_equal(hand_back(h), XEN_PV_CONNECTED);
	s = hand_put(h, PROC_SPACE_PV, 8, 0, 0);
	hand_dispatch(h);
	assert_int_equal(s->seq, h->pos + 1);
}

static void refused(struct hand *h)
{
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_CLOSING);
	assert_true(strlen(fx_get(&h->x, FX_BACK "/error")) > 0);
	assert_int_equal(h->x.mapped, 0);
	assert_false(h->core.granted);
	for (unsigned int i = 0; i < FX_PORTS; i++)
		assert_false(h->x.bound[i]);
}

static void start(struct hand *h)
{
	if (!h->index)
		hand_memory(h);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISING);
	hand_dispatch(h);
	fx_say_n(&h->x, "version", XEN_PV_VERSION);
	fx_say_n(&h->x, "index-ref", h->index_ref);
	fx_say_n(&h->x, "event-channel", h->port);
}

/* Steps: one reference after another, at the ends and in the middle, is not the domain's to give. */
static void test_bad_refs(void **state)
{
	struct hand *h = *state;
	uint32_t *at[6], was;

	start(h);
	at[0] = &h->index_ref;
	at[1] = &h->index->list[0];
	at[2] = &h->list[0];
	at[3] = &h->list[h->ring_pages - 1];
	at[4] = &h->list[h->ring_pages];
	at[5] = &h->list[h->ring_pages + H_RAM - 1];
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		was = *at[i];
		*at[i] = i % 2 ? 3 : UINT32_MAX;
		start(h);
		fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
		refused(h);
		*at[i] = was;
	}
	works_again(h);
}

static void test_bad_counts(void **state)
{
	struct hand *h = *state;
	const uint32_t bad[] = { 0, PVBACK_RAM_PAGES + 1, UINT32_MAX, UINT32_MAX - h->ring_pages };

	start(h);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		start(h);
		h->index->ram_pages = bad[i];
		fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
		refused(h);
	}
	h->index->ram_pages = H_RAM;
	for (unsigned int i = 0; i < 3; i++) {
		start(h);
		h->index->ring_pages = i ? h->ring_pages + 3 - 2 * i : 0;
		fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
		refused(h);
	}
	h->index->ring_pages = h->ring_pages;
	start(h);
	h->index->version++;
	fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
	refused(h);
	h->index->version--;
	works_again(h);
}

/* Nodes are text of the domain's: no number, too large a one, a terminal's escapes, nothing. */
static void test_bad_nodes(void **state)
{
	struct hand *h = *state;
	static const char *const bad[] = { "", "-1", "4294967296", "99999999999999999999", "12x",
					   "\033[2J", " 7", "0x10" };
	static const char *const nodes[] = { "version", "index-ref", "event-channel" };

	for (unsigned int n = 0; n < ARRAY_SIZE(nodes); n++)
		for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
			start(h);
			fx_say(&h->x, nodes[n], bad[i]);
			fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
			refused(h);
		}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		works_again(h);
		/* No state is one that is left. */
		fx_say(&h->x, "state", bad[i]);
		hand_dispatch(h);
		assert_int_equal(hand_back(h), XEN_PV_CLOSED);
		assert_int_equal(h->x.mapped, 0);
	}
	/* The whole folder goes. */
	works_again(h);
	fx_remove(&h->x, FX_FRONT);
	h->x.changed = true;
	fx_raise(h->x.back_fd);
	hand_dispatch(h);
	assert_int_equal(hand_back(h), XEN_PV_CLOSED);
	works_again(h);
}

/* A port that is none, another's, or one that is bound already. */
static void test_bad_port(void **state)
{
	struct hand *h = *state;
	const unsigned int bad[] = { 0, 5, 4294967294u };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		start(h);
		fx_say_n(&h->x, "event-channel", bad[i]);
		fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
		refused(h);
	}
	works_again(h);
}

/* After it connected, everything it published changes: nothing of it is looked at again. */
static void test_double_fetch(void **state)
{
	struct hand *h = *state;
	struct hv_ram r;
	uint32_t v = 0x55;

	works_again(h);
	memset(h->list, 0xff, 4096);
	h->index->ram_pages = UINT32_MAX;
	h->index->ring_pages = 0;
	fx_say(&h->x, "index-ref", "1");
	h->ring->ram_len = UINT64_MAX;
	memset(h->ring->bar_len, 0xff, sizeof h->ring->bar_len);
	hand_dispatch(h);
	assert_int_equal(hv_ram(h->g, 0, &r), 0);
	assert_int_equal(r.len, H_RAM * 4096);
	assert_int_equal(hv_write(h->g, gpa(H_RAM * 4096), &v, 4), -EFAULT);
	assert_int_equal(hv_write(h->g, gpa(UINT64_MAX - 3), &v, 8), -EFAULT);
	/* Where the mediator is in the ring, and how long a BAR is, it knows itself. */
	hand_put(h, PROC_SPACE_BAR0, 0, 1, 1);
	hand_put(h, PROC_SPACE_PV, 4096, 1, 1);
	hand_put(h, PROC_SPACE_PV, UINT32_MAX, 1, 1);
	hand_put(h, 200, 0, 1, 1);
	hand_put(h, PROC_SPACE_FILE, 1, 0, 0);
	hand_dispatch(h);
	assert_int_equal(h->core.accesses, 1);
	fx_say_n(&h->x, "state", XEN_PV_CLOSED);
	hand_dispatch(h);
	assert_int_equal(h->x.mapped, 0);
}

/* Garbage in every slot, and a claim that everything is full. */
static void test_scribble(void **state)
{
	struct hand *h = *state;

	works_again(h);
	for (unsigned int round = 0; round < 64; round++) {
		for (size_t i = 0; i < sizeof *h->ring; i++)
			((uint8_t *)h->ring)[i] = (uint8_t)(i * 31 + round * 7 + i / 255);
		hand_dispatch(h);
	}
	fx_say_n(&h->x, "state", XEN_PV_INITIALISING);
	hand_dispatch(h);
	works_again(h);
}

/* The domain takes its grants back while they are mapped: Xen's books hold the pages until they are not. */
static void test_revoked(void **state)
{
	struct hand *h = *state;
	uint32_t v = 0x77, back = 0;

	works_again(h);
	for (uint32_t i = 0; i < FX_PAGES; i++)
		h->x.page[i].fd = -1;
	assert_int_equal(hv_write(h->g, gpa(4096), &v, 4), 0);
	assert_int_equal(hv_read(h->g, gpa(4096), &back, 4), 0);
	assert_int_equal(back, v);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISING);
	hand_dispatch(h);
	assert_int_equal(h->x.mapped, 0);
	fx_say_n(&h->x, "state", XEN_PV_INITIALISED);
	refused(h);
}

/* All orders of states, thousands of them, some while the card is busy; events without number. */
static void test_states(void **state)
{
	struct hand *h = *state;
	uint32_t seed = 1;

	hand_memory(h);
	for (unsigned int i = 0; i < 3000; i++) {
		seed = seed * 1103515245 + 12345;
		h->core.busy = seed >> 28;
		h->pos = 0;
		h->index->front_alive = seed >> 20 & 1;
		start(h);
		fx_say_n(&h->x, "state", seed >> 16 & 7);
		fx_kick(&h->x, h->port);
		hv_dispatch(h->hv, 100);
		fx_say_n(&h->x, "state", seed >> 24 & 7);
		for (unsigned int k = seed >> 8 & 31; k; k--)
			hv_dispatch(h->hv, 100);
		assert_true(h->x.mapped <= h->ring_pages + H_RAM + 1);
	}
	h->core.busy = 0;
	fx_say_n(&h->x, "state", XEN_PV_CLOSED);
	hand_dispatch(h);
	assert_int_equal(h->x.mapped, 0);
	assert_int_equal(h->core.attached - h->core.detached, 1);
	works_again(h);
}

/* The domain ends while its memory is being taken off a card that is still at it. */
static void test_ends_busy(void **state)
{
	struct hand *h = *state;

	works_again(h);
	h->core.busy = 1000000;
	fx_say_n(&h->x, "state", XEN_PV_CLOSING);
	hand_dispatch(h);
	h->x.alive = false;
	h->x.changed = true;
	fx_raise(h->x.back_fd);
	hand_dispatch(h);
	assert_int_equal(h->core.detached, 1);
	assert_int_equal(h->x.mapped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_refs, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_bad_counts, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_bad_nodes, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_bad_port, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_double_fetch, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_scribble, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_revoked, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_states, hand_setup, hand_teardown),
		cmocka_unit_test_setup_teardown(test_ends_busy, hand_setup, hand_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
