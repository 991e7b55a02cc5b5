// SPDX-License-Identifier: MIT
/*
 * What a guest's registers show while its own work is on the card: engine
 * status, a software method that waits for its handler, faults, and the fault
 * trigger that ends it.
 */
#include "tests/t.h"

#include "gpuvm/fermi/methods.h"
#include "tests/unit/core/rig.h"

#define INST 0x180000ull
#define SPACE 0x100000ull /* of the channel and of BAR1 */
#define RING 0x300000ull
#define PUSH 0x301000ull
#define USERD 0x400000ull
#define LIST 0x280000ull
/* GPU and BAR1 addresses. */
#define VA_RING 0x4000u
#define VA_PUSH 0x5000u
#define VA_DATA 0x6000u /* guest RAM at 0x7000 */
#define VA_ABSENT 0x9000u
#define BAR1_USERD 0x200000u

static void set_up_interrupts(struct rig *r, int i)
{
	for (uint32_t p = 0; p < GF100_NR_PBDMA; p++)
		wr(r, i, reg_at(REGID_PBDMA_INTR_EN, p), 0xfffffeff);
	wr(r, i, NV_PFIFO_ENG_INTR_MASK, 1);
	wr(r, i, NV_PFIFO_INTR_EN, ~0u);
	wr(r, i, NV_PMC_INTR_EN, 1);
}

static void inst_fill(struct rig *r, int i, uint32_t id)
{
	static const struct {
		uint32_t off, val;
	} words[] = {
		{ RAMFC_SIGNATURE, RAMFC_SIGNATURE_VALUE },
		{ RAMFC_SEM_TIMEOUT, SEM_TIMEOUT_NONE },
		{ RAMFC_GPFIFO_LO, VA_RING },
		{ RAMFC_GPFIFO_HI, 9 << 16 },
		{ RAMFC_DMA_STATE0, 0x20400000 },
		{ RAMFC_SUBDEV, 0x30000fff },
		{ RAMFC_SUBC_ENGINE, 0x1f1f1f1f },
		{ RAMFC_SUBC_ENGINE + 4, 0x1f1f1f1f },
		{ RAMFC_CUR_ENGINE, 0x1f },
	};

	for (size_t k = 0; k < ARRAY_SIZE(words); k++)
		vram_wr32(r, i, INST + words[k].off, words[k].val);
	vram_wr32(r, i, INST + RAMFC_USERD_LO, (uint32_t)USERD + id * USERD_LEN);
	vram_wr64(r, i, INST + INST_PDB_LO, SPACE + 0x10000);
	vram_wr64(r, i, INST + INST_LIMIT_LO, 0x3fffff);
}

/* Channel id of guest i, in the runlist, with the n words in its first push buffer. */
static void channel(struct rig *r, int i, uint32_t id, const uint32_t *words, uint32_t n)
{
	space_make(r, i, SPACE, 0x3fffff);
	space_map(r, i, SPACE, VA_RING >> 12, pte_pack(PTE_VRAM, RING, PTE_PRESENT));
	space_map(r, i, SPACE, VA_PUSH >> 12, pte_pack(PTE_VRAM, PUSH, PTE_PRESENT));
	space_map(r, i, SPACE, VA_DATA >> 12, pte_pack(PTE_SYS, 0x7000, PTE_PRESENT | PTE_VOLATILE));
	space_map(r, i, SPACE, (BAR1_USERD >> 12) + id,
		  pte_pack(PTE_VRAM, USERD + id * USERD_LEN, PTE_PRESENT));
	space_bind(r, i, 1, SPACE);
	wr(r, i, NV_PFIFO_USERD_BASE, USERD_BASE_VALID | BAR1_USERD >> 12);
	inst_fill(r, i, id);
	vram_wr64(r, i, RING, gp_entry_pack(VA_PUSH, n));
	for (uint32_t k = 0; k < n; k++)
		vram_wr32(r, i, PUSH + 4 * k, words[k]);
	wr(r, i, reg_at(REGID_PFIFO_CHAN_INST, id), CHAN_INST_VALID | CHAN_INST_POLL | INST >> 12);
	wr(r, i, reg_at(REGID_PFIFO_CHAN_STATE, id), 0x001f0001);
	vram_wr32(r, i, LIST, id);
	vram_wr32(r, i, LIST + 4, RUNLIST_WORD1);
	wr(r, i, NV_PFIFO_RUNLIST_ADDR, LIST >> 12);
	wr(r, i, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00001);
	set_up_interrupts(r, i);
}

static void ring(struct rig *r, int i, uint32_t id)
{
	st(r, i, HV_BAR1, BAR1_USERD + id * USERD_LEN + USERD_GP_PUT, 4, 1);
}

static void rounds(struct rig *r, int n)
{
	while (n--) {
		uint64_t next;

		dev_advance(r->g->dev, 100000);
		gpuvm_step(r->g, dev_now(r->g->dev), &next);
	}
}

static uint32_t sem(const struct rig *r, int i)
{
	uint32_t v;

	memcpy(&v, (const uint8_t *)hv_null_ram(r->hg[i]) + 0x7000, 4);
	return v;
}

static void set_sem(struct rig *r, int i, uint32_t v)
{
	memcpy((uint8_t *)hv_null_ram(r->hg[i]) + 0x7000, &v, 4);
}

#define SEM(va, payload, trigger)                                                                  \
	PUSH_INC << 29 | 4 << 16 | HOST_SEM_ADDR_HI >> 2, 0, va, payload, trigger

/* Waits until the guest stores 5. */
static const uint32_t waits[] = { SEM(VA_DATA, 5, SEM_ACQUIRE_EQ) };

static void engine_status_names_the_guests_channel(void **state)
{
	struct rig *r = *state;

	channel(r, 0, 3, waits, ARRAY_SIZE(waits));
	ring(r, 0, 3);
	rounds(r, 2);
	assert_int_equal(r->v[0]->stats.submissions, 1);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_GR)), ENG_STATUS_BUSY | 3);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_CE0)), 0);
	/* Nobody else's business. */
	assert_int_equal(rd(r, 1, reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_GR)), 0);
	set_sem(r, 0, 5);
	rounds(r, 20);
	assert_int_equal(r->v[0]->stats.completions, 1);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_GR)), 0);
}

static void fault_trigger_ends_only_the_guests_own(void **state)
{
	struct rig *r = *state;
	uint32_t trigger = reg_at(REGID_PFIFO_FAULT_TRIGGER, ENGINE_GR);

	channel(r, 0, 3, waits, ARRAY_SIZE(waits));
	channel(r, 1, 4, waits, ARRAY_SIZE(waits));
	ring(r, 0, 3);
	ring(r, 1, 4);
	rounds(r, 2);
	wr(r, 0, trigger, FAULT_UNIT_PGRAPH); /* no go */
	assert_false(r->v[0]->chan[3]->dead);
	wr(r, 0, trigger, FAULT_TRIGGER_GO | FAULT_UNIT_PGRAPH);
	assert_true(r->v[0]->chan[3]->dead);
	assert_int_equal(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS), 1u << FAULT_UNIT_PGRAPH);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INST, FAULT_UNIT_PGRAPH)), INST >> 12);
	assert_int_equal(rd(r, 0, NV_PFIFO_ENG_FAULT), 1u << ENGINE_GR);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_ENG_STATUS, ENGINE_GR)), 0);
	/* The other guest's work ends as it should. */
	assert_false(r->v[1]->chan[4]->dead);
	assert_int_equal(rd(r, 1, NV_PFIFO_MMU_FAULT_UNITS), 0);
	set_sem(r, 1, 5);
	rounds(r, 20);
	assert_int_equal(r->v[1]->stats.completions, 1);
}

static void a_fault_of_the_card_shows_in_guest_numbers(void **state)
{
	static const uint32_t words[] = { SEM(VA_ABSENT, 1, SEM_RELEASE | SEM_RELEASE_4B) };
	struct rig *r = *state;
	uint32_t unit;

	channel(r, 0, 3, words, ARRAY_SIZE(words));
	ring(r, 0, 3);
	rounds(r, 20);
	assert_int_equal(r->v[0]->stats.mmu_faults, 1);
	assert_true(hv_null_irqs(r->hg[0]) > 0);
	unit = (uint32_t)__builtin_ctz(rd(r, 0, NV_PFIFO_MMU_FAULT_UNITS));
	assert_in_range(unit, FAULT_UNIT_PBDMA0, FAULT_UNIT_PBDMA2);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_INST, unit)), INST >> 12);
	assert_int_equal(rd(r, 0, reg_at(REGID_PFIFO_MMU_FAULT_VALO, unit)) >> 12, VA_ABSENT >> 12);
	assert_int_equal(rd(r, 1, NV_PFIFO_MMU_FAULT_UNITS), 0);
}

/* A method for software, then a release: the release waits until the handler has made a NOP of it. */
static void a_software_method_waits_for_its_handler(void **state)
{
	static const uint32_t words[] = {
		PUSH_INC << 29 | 1 << 16 | 7 << 13 | 0x500 >> 2, 0x1234,
		SEM(VA_DATA, 9, SEM_RELEASE | SEM_RELEASE_4B),
	};
	struct rig *r = *state;
	uint32_t p;

	channel(r, 0, 3, words, ARRAY_SIZE(words));
	ring(r, 0, 3);
	rounds(r, 3);
	assert_int_equal(sem(r, 0), 0);
	assert_int_not_equal(rd(r, 0, NV_PFIFO_PBDMA_INTR), 0);
	p = (uint32_t)__builtin_ctz(rd(r, 0, NV_PFIFO_PBDMA_INTR));
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_CHID, p)) & 0x7f, 3);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_INTR, p)), PBDMA_INTR_SW_METHOD);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_METHOD, p)) & 0x3ffc, 0x500);
	assert_int_equal(rd(r, 0, reg_at(REGID_PBDMA_DATA, p)), 0x1234);
	assert_int_equal(rd(r, 1, NV_PFIFO_PBDMA_INTR), 0);
	wr(r, 0, reg_at(REGID_PBDMA_METHOD, p), 0x80600008);
	wr(r, 0, reg_at(REGID_PBDMA_INTR, p), PBDMA_INTR_SW_METHOD);
	rounds(r, 20);
	assert_int_equal(sem(r, 0), 9);
	assert_int_equal(r->v[0]->stats.completions, 1);
	assert_int_equal(rd(r, 0, NV_PFIFO_PBDMA_INTR), 0);
}

static void a_non_stall_interrupt_reaches_its_guest(void **state)
{
	static const uint32_t words[] = {
		SEM(VA_DATA, 9, SEM_RELEASE | SEM_RELEASE_4B),
		PUSH_INC << 29 | 1 << 16 | HOST_NONSTALL_INTR >> 2, 0,
	};
	struct rig *r = *state;

	channel(r, 0, 3, words, ARRAY_SIZE(words));
	wr(r, 0, NV_PFIFO_RUNLIST_INTR, ~0u);
	ring(r, 0, 3);
	rounds(r, 20);
	assert_int_equal(sem(r, 0), 9);
	assert_int_not_equal(rd(r, 0, NV_PFIFO_ENG_INTR), 0);
	assert_true(hv_null_irqs(r->hg[0]) > 0);
	assert_int_equal(rd(r, 1, NV_PFIFO_ENG_INTR), 0);
	assert_int_equal(hv_null_irqs(r->hg[1]), 0);
}

/*
 * Claim: work starts by a doorbell, never by what a guest writes into its own
 * instance block; else it would run outside the scheduler and the watchdog.
 */
static void state_in_the_instance_block_starts_nothing(void **state)
{
	static const uint32_t words[] = { SEM(VA_DATA, 9, SEM_RELEASE | SEM_RELEASE_4B) };
	/* Ring entries left; a segment half read; a ring position the ring does not have. */
	static const struct {
		uint32_t off, val;
	} tries[] = {
		{ RAMFC_GP_PUT, 1 },	    { RAMFC_GP_PUT, 0x10001 },
		{ RAMFC_GP_GET, 0x1ff },    { RAMFC_GP_GET, 0x10001 },
		{ RAMFC_PUT_LO, VA_PUSH + sizeof(words) },
	};
	struct rig *r = *state;

	for (size_t k = 0; k < 2 * ARRAY_SIZE(tries); k++) {
		uint32_t off = tries[k / 2].off, val = tries[k / 2].val;

		set_sem(r, 0, 0);
		wr(r, 0, reg_at(REGID_PFIFO_CHAN_INST, 3), 0);
		for (uint32_t w = 0; w < INST_PDB_LO; w += 4)
			vram_wr32(r, 0, INST + w, 0);
		vram_wr32(r, 0, INST + RAMFC_GET_LO, VA_PUSH);
		vram_wr32(r, 0, INST + RAMFC_PUT_LO, VA_PUSH);
		if (k & 1)
			vram_wr32(r, 0, INST + off, val);
		channel(r, 0, 3, words, ARRAY_SIZE(words));
		if (!(k & 1)) {
			/* Bound, then taken from the list to store it, and listed again. */
			wr(r, 0, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00000);
			vram_wr32(r, 0, INST + off, val);
			wr(r, 0, NV_PFIFO_RUNLIST_SUBMIT, 0x01f00001);
		}
		rounds(r, 3);
		assert_int_equal(r->v[0]->stats.doorbells, k);
		assert_int_equal(sem(r, 0), 0);
		/* And the doorbell still does. */
		ring(r, 0, 3);
		rounds(r, 20);
		assert_int_equal(sem(r, 0), 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(engine_status_names_the_guests_channel),
		RIG_TEST(fault_trigger_ends_only_the_guests_own),
		RIG_TEST(a_fault_of_the_card_shows_in_guest_numbers),
		RIG_TEST(a_software_method_waits_for_its_handler),
		RIG_TEST(a_non_stall_interrupt_reaches_its_guest),
		RIG_TEST(state_in_the_instance_block_starts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
