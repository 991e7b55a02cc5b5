/* SPDX-License-Identifier: MIT */
/*
 * A fuzz harness without a fuzzer: the kept corpus, then inputs from a fixed
 * sequence, so that every compiler runs them.  Included after the harness, with
 * CORPUS and RANDOM_INPUTS.
 */
#ifndef TESTS_REPLAY_FUZZ_H
#define TESTS_REPLAY_FUZZ_H

#include <dirent.h>
#include <stdio.h>

#ifdef CORPUS
static uint8_t input[65536];

static void corpus_replays(void **state)
{
	DIR *d = opendir(CORPUS);
	struct dirent *e;
	unsigned int n = 0;

	(void)state;
	if (!d)
		fail_msg("%s: not there; run from the project's folder", CORPUS);
	while ((e = readdir(d))) {
		char path[512];
		FILE *f;
		size_t len;

		snprintf(path, sizeof(path), "%s/%s", CORPUS, e->d_name);
		if (e->d_name[0] == '.')
			continue;
		f = fopen(path, "rb");
		assert_non_null(f);
		len = fread(input, 1, sizeof(input), f);
		fclose(f);
		LLVMFuzzerTestOneInput(input, len);
		n++;
	}
	closedir(d);
	assert_true(n >= 5);
}

static void fixed_sequence(void **state)
{
	uint64_t seed = 12345;

	(void)state;
	for (int k = 0; k < RANDOM_INPUTS; k++) {
		size_t len = 64u << k % 6;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			input[i] = (uint8_t)(seed >> 56);
		}
		LLVMFuzzerTestOneInput(input, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_replays),
		cmocka_unit_test(fixed_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif

#endif
