// SPDX-License-Identifier: MIT
/*
 * copies: system memory to VRAM and back by M2MF and both copy engines, with
 * several channels and processes at once.  A relay hands a buffer from engine to
 * engine without the processor in between, so that only the driver's fences keep
 * their order.
 *
 * "copies endless" goes on until it is killed, with a line for each round.
 * Prints "copies: ..." lines; exit code 0 only if every word was right.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/vm/guest/kit/nv.h"

#define LEN (256u << 10)
#define WORDS (LEN / 4)
#define PROCESSES 2
#define CHANNELS 2
#define ROUNDS 3

struct job { /* one process's */
	struct nv nv;
	struct nv_chan chan[NV_NR_COPIERS][CHANNELS];
	struct nouveau_bo *src, *dst, *vram[2], *sys;
};

static uint32_t pattern(uint32_t i, uint32_t seed)
{
	return (i + seed) * 2654435761u ^ seed;
}

static int fill(struct job *j, uint32_t seed)
{
	uint32_t *w;

	if (nv_wait(&j->nv, j->src) || nv_wait(&j->nv, j->dst))
		return -1;
	w = j->src->map;
	for (uint32_t i = 0; i < WORDS; i++)
		w[i] = pattern(i, seed);
	memset(j->dst->map, 0, LEN);
	return 0;
}

static int verify(struct job *j, uint32_t seed, const char *what)
{
	uint32_t bad = 0, *w;

	if (nv_wait(&j->nv, j->dst))
		return -1;
	w = j->dst->map;
	for (uint32_t i = 0; i < WORDS; i++)
		bad += w[i] != pattern(i, seed);
	if (bad)
		printf("copies: %s: %u of %u words wrong\n", what, bad, WORDS);
	return bad ? -1 : 0;
}

/* There and back by one channel: between system memory, VRAM and VRAM. */
static int round_trip(struct job *j, int e, int c, uint32_t seed)
{
	const struct nv_engine *with = &nv_copier[e];
	struct nv_chan *ch = &j->chan[e][c];

	if (fill(j, seed) || nv_copy(ch, with, j->src, j->vram[0]) ||
	    nv_copy(ch, with, j->vram[0], j->vram[1]) || nv_copy(ch, with, j->vram[1], j->sys) ||
	    nv_copy(ch, with, j->sys, j->dst))
		return -1;
	return verify(j, seed, with->name);
}

/* Each engine takes what another has just written. */
static int relay(struct job *j, uint32_t seed)
{
	struct nouveau_bo *const stop[] = { j->src, j->vram[0], j->sys, j->vram[1], j->dst };

	if (fill(j, seed))
		return -1;
	for (int i = 0; i < 4; i++) {
		int e = (int)(seed + (uint32_t)i) % NV_NR_COPIERS;

		if (nv_copy(&j->chan[e][i % CHANNELS], &nv_copier[e], stop[i], stop[i + 1]))
			return -1;
	}
	return verify(j, seed, "relay");
}

static int job_open(struct job *j)
{
	memset(j, 0, sizeof *j);
	if (nv_open(&j->nv))
		return -1;
	for (int e = 0; e < NV_NR_COPIERS; e++)
		for (int c = 0; c < CHANNELS; c++)
			if (nv_chan_open(&j->nv, &nv_copier[e], &j->chan[e][c]))
				return -1;
	if (nv_bo(&j->nv, NV_SYS, LEN, &j->src) || nv_bo(&j->nv, NV_SYS, LEN, &j->dst) ||
	    nv_bo(&j->nv, NV_SYS, LEN, &j->sys) || nv_bo(&j->nv, NV_VRAM, LEN, &j->vram[0]))
		return -1;
	return nv_bo(&j->nv, NV_VRAM, LEN, &j->vram[1]);
}

static void job_close(struct job *j)
{
	struct nouveau_bo **bo[] = { &j->src, &j->dst, &j->sys, &j->vram[0], &j->vram[1] };

	for (int e = 0; e < NV_NR_COPIERS; e++)
		for (int c = 0; c < CHANNELS; c++)
			nv_chan_close(&j->chan[e][c]);
	for (int i = 0; i < 5; i++)
		nouveau_bo_ref(NULL, bo[i]);
	nv_close(&j->nv);
}

static int rounds(struct job *j, uint32_t seed)
{
	for (uint32_t r = 0; r < ROUNDS; r++) {
		for (int e = 0; e < NV_NR_COPIERS; e++)
			for (int c = 0; c < CHANNELS; c++)
				if (round_trip(j, e, c, seed + r * 16 + (uint32_t)c))
					return -1;
		if (relay(j, seed + r))
			return -1;
	}
	return 0;
}

static int process(uint32_t seed)
{
	struct job j;
	int err = job_open(&j);

	if (!err)
		err = rounds(&j, seed);
	job_close(&j);
	return err ? 1 : 0;
}

static int endless(void)
{
	struct job j;

	if (job_open(&j))
		return 1;
	for (uint32_t n = 1; !rounds(&j, n * 64); n++)
		printf("copies: endless %u\n", n);
	return 1;
}

int main(int argc, char **argv)
{
	int bad = 0, status;

	nv_program = "copies";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "endless"))
		return endless();
	for (uint32_t p = 0; p < PROCESSES; p++)
		if (!fork())
			_exit(process(1000 * (p + 1)));
	while (wait(&status) > 0)
		bad += status != 0;
	printf("copies: %d processes, %d channels on each of %d engines, %d rounds: %d failed\n",
	       PROCESSES, CHANNELS, NV_NR_COPIERS, ROUNDS, bad);
	return bad != 0;
}
