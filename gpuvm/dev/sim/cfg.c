// SPDX-License-Identifier: MIT
/*
 * The options of "sim:...".  Always true: a struct sim_cfg that parsed is one
 * that can be built: its memory divides into nr_fbp equal partitions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/log.h"
#include "gpuvm/base/size.h"
#include "gpuvm/dev/sim/private.h"

#define MIB (1ull << 20)
#define MAX_SM 64 /* more host threads than the card has warp schedulers help nobody */
#define MAX_TPCS 16
/*
 * The smallest parts of the family had one (GF119).  Programs size their work by the number, and
 * all the software's threads together are not worth more.
 */
#define DEFAULT_TPCS 1

static int parse_vram(struct sim_cfg *c, const char *val)
{
	if (size_parse(val, &c->vram_len) || c->vram_len % MIB || c->vram_len < 256 * MIB ||
	    c->vram_len > 6144 * MIB)
		return -EINVAL;
	return 0;
}

static int parse_clock(struct sim_cfg *c, const char *val)
{
	c->manual_clock = !strcmp(val, "manual");
	return c->manual_clock || !strcmp(val, "real") ? 0 : -EINVAL;
}

static int parse_fuses(struct sim_cfg *c, const char *val)
{
	unsigned long long v;
	char *end;

	if (*val < '0' || *val > '9')
		return -EINVAL;
	v = strtoull(val, &end, 0);
	if (*end || v > UINT32_MAX)
		return -EINVAL;
	c->disable_fuses = (uint32_t)v;
	return 0;
}

static int parse_count(const char *val, uint32_t min, uint32_t max, uint32_t *out)
{
	unsigned long v;
	char *end;

	if (*val < '0' || *val > '9')
		return -EINVAL;
	v = strtoul(val, &end, 10);
	if (*end || v < min || v > max)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

static int parse_sm(struct sim_cfg *c, const char *val)
{
	return parse_count(val, 1, MAX_SM, &c->nr_sm);
}

static int parse_tpc(struct sim_cfg *c, const char *val)
{
	return parse_count(val, 1, MAX_TPCS, &c->nr_tpc);
}

static int parse_smopt(struct sim_cfg *c, const char *val)
{
	return parse_count(val, 0, SM_OPT_ALL | SM_OPT_PLAN_ALL, &c->sm_opts);
}

static int parse_path(struct sim_cfg *c, const char *val)
{
	int n = snprintf(c->count, sizeof(c->count), "%s", val);

	return n > 0 && (size_t)n < sizeof(c->count) ? 0 : -EINVAL;
}

static const struct sim_option {
	const char *name, *wants;
	int (*parse)(struct sim_cfg *, const char *val);
} options[] = {
	{ "vram", "256M to 6G in whole MiB", parse_vram },
	{ "clock", "real or manual", parse_clock },
	{ "fuses", "a 32-bit number", parse_fuses },
	{ "sm", "1 to 64 threads", parse_sm },
	{ "tpc", "1 to 16 multiprocessors", parse_tpc },
	{ "smopt",
	  "a sum of 1 half rows, 2 kept pages, 4 AVX-512, 8 AVX2, 16 fast operations, 32 plans, 64 wide pages, "
	  "128 plans always",
	  parse_smopt },
	{ "count", "a file's path of up to 111 bytes", parse_path },
};

static int parse_option(struct sim_cfg *c, const char *opt, char *msg, size_t n)
{
	size_t len = strcspn(opt, "=");
	char clean[48];

	log_clean(clean, sizeof(clean), opt);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct sim_option *o = &options[i];

		if (strlen(o->name) != len || memcmp(o->name, opt, len) != 0)
			continue;
		if (opt[len] == '=' && !o->parse(c, opt + len + 1))
			return 0;
		snprintf(msg, n, "sim: bad value in '%s': %s takes %s", clean, o->name, o->wants);
		return -EINVAL;
	}
	snprintf(msg, n, "sim: unknown option '%s'; known: vram clock fuses sm tpc", clean);
	return -EINVAL;
}

/* As many equal partitions as go into the memory size evenly; the card has room for six. */
static uint32_t count_fbp(uint64_t vram_len)
{
	uint32_t n = 6;

	while (vram_len / MIB % n)
		n--;
	return n;
}

static uint32_t online(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > MAX_SM ? MAX_SM : (uint32_t)n;
}

int sim_cfg_parse(struct sim_cfg *c, const char *arg, char *msg, size_t n)
{
	char opt[128];

	*c = (struct sim_cfg){ .vram_len = 1024 * MIB, .disable_fuses = 0x7, .nr_tpc = DEFAULT_TPCS,
				.sm_opts = SM_OPT_ALL };
	while (*arg) {
		size_t len = strcspn(arg, ",");
		int err;

		snprintf(opt, sizeof(opt), "%.*s", (int)(len < sizeof(opt) ? len : sizeof(opt) - 1),
			 arg);
		err = parse_option(c, opt, msg, n);
		if (err)
			return err;
		arg += len;
		if (*arg == ',' && !*++arg) {
			snprintf(msg, n, "sim: option missing after the last comma");
			return -EINVAL;
		}
	}
	c->nr_fbp = count_fbp(c->vram_len);
	if (!c->nr_sm)
		c->nr_sm = online();
	return 0;
}
