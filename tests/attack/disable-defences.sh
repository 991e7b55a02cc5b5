#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Takes the defences out one at a time and shows that a test notices.
#
#   tests/attack/disable-defences.sh [NUMBER...]
#
# Works on a scratch copy of the tree (SCRATCH=dir keeps it): each defence is a
# few sed edits, after which the named test is built and must fail.  An edit
# that matches nothing is an error: the code has moved and this list must follow.
# Exit code 0 only if every test notices.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
scratch=${SCRATCH:-$(mktemp -d)}
jobs=${JOBS:-2}
only=" $* "
nr=0 missed=0 broken=0

[ -n "${SCRATCH:-}" ] || trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/tree"
for d in Makefile gpuvm shadow scheduler pv-driver tests bench; do
	[ -e "$top/$d" ] && cp -R "$top/$d" "$scratch/tree/"
done
cd "$scratch/tree" || exit 1

build() { # test
	make O="$scratch/build" WERROR=0 -s -j"$jobs" "$scratch/build/tests/$1" >"$scratch/make.log" 2>&1
}

# defence RULE NAME TEST FILE SED [FILE SED]...
defence() {
	rule=$1 name=$2 test=$3
	shift 3
	nr=$((nr + 1))
	case "$only" in "  " | *" $nr "*) ;; *) return ;; esac
	verdict=caught
	while [ $# -ge 2 ]; do
		[ -e "$1.whole" ] || cp -p "$1" "$1.whole"
		cp -p "$1" "$1.before"
		sed -i "$2" "$1"
		if cmp -s "$1" "$1.before"; then
			verdict="NOT FOUND in $1"
		fi
		rm -f "$1.before"
		touch "$1"
		shift 2
	done
	if [ "$verdict" = caught ]; then
		if ! build "$test"; then
			verdict="DOES NOT BUILD"
			cat "$scratch/make.log" >&2
		elif timeout 120 "$scratch/build/tests/$test" >"$scratch/test.log" 2>&1; then
			verdict=MISSED
		else
			by=$(sed -n 's/^\[  \(FAILED  \|ERROR   \)\] \(test_[a-z0-9_]*\)$/\2/p' "$scratch/test.log" | head -1)
			# Broken so thoroughly that the test did not come to its end.
			: "${by:=$(sed -n 's/^\[ RUN      \] //p' "$scratch/test.log" | tail -1), which died}"
			verdict="caught by $by"
		fi
	fi
	for f in $(find . -name '*.whole'); do
		mv "$f" "${f%.whole}"
		touch "${f%.whole}"
	done
	case "$verdict" in
	caught*) ;;
	MISSED) missed=$((missed + 1)) ;;
	*) broken=$((broken + 1)) ;;
	esac
	printf '%2d  %-4s  %-52s  %-28s  %s\n' "$nr" "$rule" "$name" "${test##*/}" "$verdict"
}

printf ' #  rule  %-52s  %-28s  %s\n' 'defence taken out' test result

# ---- rule 1 -----------------------------------------------------------------------
defence 1 "the card gets the shadow instance block" attack/test_rule1_walk \
	gpuvm/chan.c 's/(uint32_t)(hvram_x(shadow_chan_inst(c->shadow)) >> 12));/(inst_reg \& 0x0fffffff));/'
defence 1 "the shadow instance block names the shadow directory" attack/test_rule1_walk \
	shadow/chan.c 's/= lo32(hvram_x(pd)) | PTE_VRAM;/= w[IMG_WORD(INST_PDB_LO)];/' \
	shadow/chan.c 's/= hi32(hvram_x(pd));/= w[IMG_WORD(INST_PDB_HI)];/'
defence 1 "RAMFC names the mediator's USERD page" attack/test_rule1_walk \
	shadow/chan.c '/w\[RAMFC_USERD_[LH][OI] \/ 4\] =/d'
defence 1 "RAMFC is not mirrored while the channel is listed" attack/test_rule1_walk \
	shadow/chan.c 's/from >= RAMFC_LEN || ch->ran/from >= RAMFC_LEN/'

# ---- rule 2 -----------------------------------------------------------------------
defence 2 "a VRAM page must be inside the part" attack/test_rule2_memory \
	shadow/spt.c 's/return reject(y, SHADOW_FAULT_PTE_VRAM, i);/return (void)i, (e \& KEEP_VRAM) | pte_addr(e) >> 8;/'
defence 2 "a system page must be the guest's RAM" attack/test_rule2_memory \
	shadow/spt.c 's/return reject(y, SHADOW_FAULT_PTE_SYS, i);/return pte_pack(pte_target(e), 0, e \& KEEP_SYS);/'
defence 2 "a reserved page target is refused" attack/test_rule2_memory \
	shadow/spt.c 's/return reject(y, SHADOW_FAULT_PTE_TARGET, i);/return e;/'
defence 2 "VRAM pages are translated" attack/test_rule2_memory \
	shadow/spt.c 's/return (e & KEEP_VRAM) | .*hvram_x(chunk.*/return (void)chunk, (void)in_chunk, e \& (KEEP_VRAM | PTE_ADDR_MASK);/'
defence 2 "the TLB is flushed before a page is let go" attack/test_rule2_memory \
	shadow/spt.c 's/if (hw_flush_tlb(sg->s, v->pd) && !force)/if (0)/'
defence 2 "BAR and PRAMIN addresses are checked against the part" attack/test_rule4_bounds \
	gpuvm/aperture.c '/int err = part_vram_run(v->part, gvram(at), len, &h, &n);/a if (err) { h = hvram(at); n = len; err = 0; }' \
	gpuvm/pramin.c 's/!range_ok(a, size, part_vram_len(v->part))/0/'

defence 2 "lent VRAM is taken off the card before it is anybody's" attack/test_windows \
	gpuvm/lend.c 's/if (dev_vram_join(v->g->dev, r->card, r->len))/if (0)/'
defence 2 "a watched page is no window" unit/core/test_window \
	shadow/window.c 's/!shadow_watched(sg, gvram(addr), 4096) \&\&/1 \&\&/'
defence 2 "a bound channel's USERD page is no window" unit/core/test_window \
	shadow/window.c 's/if (!i \&\& !w->off \&\& acts(sg, va)) {/if (0) {/'
defence 1 "pages that are windows are not taken for unwritten" unit/core/test_window \
	shadow/track.c 's/set(t->bare, p, true);/(void)0;/'
defence 1 "nor those that the guest has not let go of" unit/core/test_window \
	shadow/track.c 's/!t->unacked || !hv_unmapped(sg->cfg.guest)/!t->unacked/'

# ---- rule 3 -----------------------------------------------------------------------
defence 3 "unknown registers are denied" attack/test_rule3_registers \
	gpuvm/mmio.c 's/return deny(v, off, "write");/return dev_wr32(v->g->dev, (uint32_t)off, val), 0;/' \
	gpuvm/mmio.c 's/return deny(v, off, "read");/return *val = dev_rd32(v->g->dev, (uint32_t)off), 0;/'
defence 3 "PMC_ENABLE is the guest's own" attack/test_rule3_registers \
	gpuvm/unit_pmc.c '/uint32_t gone = vgpu_reg_load(v, off) & ~val;/a dev_wr32(v->g->dev, off, val);'
defence 3 "a kick names a channel of the guest's" attack/test_rule3_registers \
	gpuvm/unit_pfifo.c '/vgpu_reg_store(v, off, val & ~KICK_PENDING);/a dev_wr32(v->g->dev, off, val); dev_wr32(v->g->dev, reg_at(REGID_PFIFO_CHAN_STATE, val \& 127), 0);'

# ---- rule 4 -----------------------------------------------------------------------
defence 4 "GP_PUT is inside the ring" unit/core/test_submit \
	gpuvm/submit.c 's/if (c->put >= ring_entries(c)) {/if (!ring_entries(c)) {/'
defence 4 "runlist ids are translated" attack/test_rule4_bounds \
	shadow/runlist.c 's/s->rl_ids\[n\] = buf\[n\]\[0\] = h;/s->rl_ids[n] = buf[n][0] = sg->list[pos];/'
defence 4 "an instance block is inside the part" unit/core/test_chan \
	shadow/chan.c 's/!range_ok(gvram_x(inst), INST_LEN, part_vram_len(sg->cfg.part))/0/' \
	shadow/gmem.c 's/if (!range_ok(addr, len, part_vram_len(sg->cfg.part)))/if (0)/' \
	shadow/gmem.c 's/return err == -ERANGE ? -EFAULT : err;/at = hvram(addr), run = len - done;/'

# ---- rule 5 -----------------------------------------------------------------------
defence 5 "tables are read once" attack/test_rule5_double_fetch \
	shadow/spt.c 's/^\t\t\tblock(&y, i, g, n, same);/{ & uint64_t again[SPT_BLOCK]; if (!src->merge) { read_part(v->sg, \&src->direct, i, n, again); for (uint32_t k = 0; k < n; k++) if (t->cur[i + k] \&\& again[k] != g[k]) vram_put(v->sg->s, hvram(hvram_x(t->at) + (i + k) * 8ull), \&again[k], 8); } }/'
defence 5 "a PV call's header is read once" attack/test_pv_race \
	gpuvm/pv.c 's/^\tpv->stats.bytes += c->head.len;/\tif (hv_read(v->guest, gpa(pv->ring), \&c->head, sizeof(c->head))) return -EFAULT;/'
defence 5 "an hp-pv request is read once" attack/test_hp_requests \
	gpuvm/hp.c 's/^\tif (r->head.slots > 1)$/\tif (slots_rd(v, hp->tail, \&r->head, 1)) return -EFAULT;\n&/'

# ---- rule 6 -----------------------------------------------------------------------
defence 6 "VRAM is scrubbed" attack/test_rule6_scrub \
	gpuvm/vgpu.c 's/r = dev_vram_zero(v->g->dev, chunk\[i\], n \* PART_CHUNK_LEN);/r = 0;/'
defence 6 "VRAM is scrubbed on release" unit/core/test_vgpu \
	gpuvm/vgpu.c 's/if (v->part && scrub(v) < 0)/if (0)/'
defence 6 "VRAM is scrubbed on assignment" unit/core/test_vgpu \
	gpuvm/vgpu.c 's/^\tr = scrub(v);/\tr = 0;/'
defence 6 "shadow tables are scrubbed on release" attack/test_rule6_scrub \
	shadow/shadow.c 's/if (dev_vram_zero(sg->s->dev, at, len))/if (0)/'
defence 6 "a channel's USERD page starts as its guest's" attack/test_rule6_scrub \
	gpuvm/chan.c 's/return dev_vram_wr(v->g->dev, userd_page(v->g, c->host), page, sizeof page);/return 0;/'

# ---- rule 7 -----------------------------------------------------------------------
defence 7 "the watchdog" attack/test_rule7_liveness \
	gpuvm/recover.c 's/if (over && to_blame(g, c, over)) {/if (0 \&\& over \&\& to_blame(g, c, over)) {/'
defence 7 "the watchdog blames who holds the engine" unit/core/test_recover \
	gpuvm/recover.c 's/if (over && to_blame(g, c, over)) {/if (over \&\& (to_blame(g, c, over) || 1)) {/'
defence 7 "a PBDMA does not wait for a guest for ever" unit/core/test_irq \
	gpuvm/recover.c 's/if (now - st->since >= LIMIT_PBDMA_STALL_NS) {/if (0) {/'
defence 7 "a faulted engine is reset and freed" attack/test_rule7_liveness \
	gpuvm/irq.c 's/^\t\trecover_engines(g, c, engines);/\t\t(void)recover_engines;/'
defence 7 "a guest's shadows keep to its quota" attack/test_rule7_liveness \
	shadow/shadow.c 's/if (len > sg->cfg.table_quota || .*/if (0)/'
defence 7 "every guest is promised channels" unit/core/test_chan \
	gpuvm/chan.c 's/promise_kept(v) ?/promise_kept(v) || 1 ?/'

echo
if [ $missed -ne 0 ] || [ $broken -ne 0 ]; then
	echo "$missed missed, $broken edits that do not fit the code"
	exit 1
fi
echo "every defence is noticed when it is gone"
