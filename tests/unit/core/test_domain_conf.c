// SPDX-License-Identifier: MIT
/* A domain's file: what each key means, and where exactly a wrong one is wrong. */
#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/domain_conf.h"

static char msg[600];

static int parse(const char *text, struct domain_conf *c)
{
	msg[0] = '\0';
	return domain_conf_parse(text, strlen(text), "one.conf", c, msg, sizeof msg);
}

static void every_key(void **state)
{
	struct domain_conf c;

	(void)state;
	assert_int_equal(parse("# a guest\n\n"
			       "mode = full\n"
			       "options=lazy,track # both\n"
			       "\tvram =\t64M\r\n"
			       "weight = 512\n"
			       "cap = 30\n"
			       "latency = 1ms\n"
			       "timeout = 500ms\n"
			       "slot = 5", &c), 0);
	assert_int_equal(c.mode, VGPU_FULL);
	assert_string_equal(c.options, "lazy,track");
	assert_int_equal(c.vram, 64 << 20);
	assert_int_equal(c.weight, 512);
	assert_int_equal(c.cap_pct, 30);
	assert_int_equal(c.latency_us, 1000);
	assert_int_equal(c.timeout_ms, 500);
	assert_int_equal(c.slot, 5);
	assert_int_equal(parse("multicall = 16\nmode = naive-pv\n", &c), 0);
	assert_int_equal(c.multicall, 16);
	assert_int_equal(c.mode, VGPU_NAIVE_PV);
}

static void defaults(void **state)
{
	struct domain_conf c;

	(void)state;
	assert_int_equal(parse("", &c), 0);
	assert_int_equal(c.mode, VGPU_FULL);
	assert_int_equal(c.vram, 256 << 20);
	assert_string_equal(c.options, "");
	assert_int_equal(c.weight + c.cap_pct + c.latency_us + c.timeout_ms + c.multicall + c.slot, 0);
}

static void wrong_lines(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "mode full\n", "one.conf:1: no \"key = value\": mode full" },
		{ "\n# x\nvram = 1Q\n", "one.conf:3: vram = 1Q: not a size, as 256M" },
		{ "vram = 0\n", "one.conf:1: vram = 0: not a size, as 256M" },
		{ "vram =\n", "one.conf:1: vram = : not a size, as 256M" },
		{ "weight = 0\n", "one.conf:1: weight = 0: not 1 to 65535" },
		{ "weight = 65536\n", "one.conf:1: weight = 65536: not 1 to 65535" },
		{ "weight = -1\n", "one.conf:1: weight = -1: not 1 to 65535" },
		{ "weight = 99999999999999999999\n",
		  "one.conf:1: weight = 99999999999999999999: not 1 to 65535" },
		{ "cap = 101\n", "one.conf:1: cap = 101: not 0 (no cap) to 100 percent" },
		{ "latency = 11s\n", "one.conf:1: latency = 11s: not 0 (none) or a time up to 10s, as 1ms" },
		{ "timeout = 0\n", "one.conf:1: timeout = 0: not a time from 1ms to 1h" },
		{ "slot = 32\n", "one.conf:1: slot = 32: not 1 to 31" },
		{ "options = fast\n", "one.conf:1: options = fast: not none, optimized, best, or a list of "
				      "keep, lazy, track, bar-remap" },
		{ "mode = full,lazy\n", "one.conf:1: mode = full,lazy: not full, naive-pv, hp-pv or "
					"passthrough (options are a line of their own)" },
		{ "colour = red\n", "one.conf:1: colour: no such key: mode, options, vram, weight, cap, "
				    "latency, timeout, multicall, slot are" },
		{ "= red\n", "one.conf:1: : no such key: mode, options, vram, weight, cap, latency, timeout, "
			     "multicall, slot are" },
		{ "weight = 1\nslot = 2\nweight = 1\n", "one.conf:3: weight stands here a second time" },
		{ "options = lazy\nmode = hp-pv\n", "one.conf:1: options are for mode full, not hp-pv" },
		{ "\nmulticall = 4\n", "one.conf:2: multicall is for mode naive-pv, not full" },
		{ "mode = full\033[2J\n", "one.conf:1: not text" },
	};
	struct domain_conf c;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(parse(cases[i].text, &c), -EINVAL);
		assert_string_equal(msg, cases[i].says);
	}
}

static void no_text(void **state)
{
	static const char nul[] = "weight = 1\0\nslot = 3\n";
	struct domain_conf c;
	char line[400];

	(void)state;
	assert_int_equal(domain_conf_parse(nul, sizeof nul - 1, "p", &c, msg, sizeof msg), -EINVAL);
	assert_string_equal(msg, "p:1: not text");
	memset(line, ' ', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	assert_int_equal(parse(line, &c), -EINVAL);
	assert_string_equal(msg, "one.conf:1: the line is too long");
	/* A message that does not fit is cut, not written past its end. */
	memset(line, 7, sizeof line);
	assert_int_equal(domain_conf_parse("x", 1, "a-long-path", &c, line, 8), -EINVAL);
	assert_string_equal(line, "a-long-");
	assert_int_equal(line[8], 7);
}

/* Any text at all: it is taken or refused with a line, and nothing else happens (for the sanitizers). */
static void garbage(void **state)
{
	static const char *const words[] = { "mode", "options", "vram", "weight", "cap", "latency", "timeout",
					     "multicall", "slot", "=", " ", "\n", "#", "full", "hp-pv", "1",
					     "0", "9999999999", "1ms", "64M", ",", "lazy", "\t", "\xff", "\r" };
	struct domain_conf c;
	unsigned int seed = 1, taken = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[200] = "";
		int nr = rand_r(&seed) % 12;

		while (nr--)
			strcat(text, words[(unsigned int)rand_r(&seed) % (sizeof words / sizeof *words)]);
		if (!parse(text, &c))
			taken++;
		else
			assert_memory_equal(msg, "one.conf:", 9);
	}
	assert_in_range(taken, 1, 19999);
}

static void names(void **state)
{
	char name[32];

	(void)state;
	assert_int_equal(domain_conf_name("web-1.conf", name), 0);
	assert_string_equal(name, "web-1");
	assert_int_equal(domain_conf_name("web", name), -ENOENT);
	assert_int_equal(domain_conf_name("web.conf~", name), -ENOENT);
	assert_int_equal(domain_conf_name(".web.conf", name), -ENOENT);
	assert_int_equal(domain_conf_name("a b.conf", name), -EINVAL);
	assert_int_equal(domain_conf_name("12345678901234567890123456789012.conf", name), -EINVAL);
	assert_int_equal(domain_conf_name("1234567890123456789012345678901.conf", name), 0);
}

static void files(void **state)
{
	char path[] = "/tmp/gpuvm-conf-XXXXXX", big[4096];
	int fd = mkstemp(path);
	struct domain_conf c;
	char wanted[200];

	(void)state;
	assert_int_equal(write(fd, "cap = 7\n", 8), 8);
	assert_int_equal(domain_conf_read(path, &c, msg, sizeof msg), 0);
	assert_int_equal(c.cap_pct, 7);
	memset(big, '\n', sizeof big);
	for (int i = 0; i < 16; i++)
		assert_int_equal(write(fd, big, sizeof big), sizeof big);
	assert_int_equal(domain_conf_read(path, &c, msg, sizeof msg), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(domain_conf_read(path, &c, msg, sizeof msg), -ENOENT);
	snprintf(wanted, sizeof wanted, "%s: No such file or directory", path);
	assert_string_equal(msg, wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key), cmocka_unit_test(defaults), cmocka_unit_test(wrong_lines),
		cmocka_unit_test(no_text),   cmocka_unit_test(garbage),	 cmocka_unit_test(names),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
