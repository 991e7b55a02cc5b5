// SPDX-License-Identifier: MIT
/* gpuvm-work: the command line and the report. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"

enum { EXIT_WRONG = 1, EXIT_BAD_INPUT = 2, EXIT_NO_DEVICE = 3 };

/* Long enough for a median, short enough that a typing error ends. */
#define REPEAT_MAX 1000

const struct work *const work_all[] = {
	&work_nop,     &work_loop,     &work_madd,     &work_mmul,
	&work_fmadd,   &work_fmmul,    &work_vadd,     &work_cpy,
	&work_pincpy,  &work_backprop, &work_bfs,      &work_heartwall,
	&work_hotspot, &work_lud,      &work_nn,       &work_nw,
	&work_srad,    &work_srad2,    &work_gaussian, &work_pathfinder,
	&work_kmeans,  &work_nbody,    &work_many,     &work_trip,
	&work_churn,   &work_side,     &work_pulse,    NULL,
};

static const char *const size_names[NR_SIZES] = { "tiny", "paper", "stress" };

struct opts {
	enum size_name size;
	const char *input;
	uint32_t seed;
	unsigned int repeat;
	struct pace pace;
	bool json;
};

static const char usage[] =
	"usage: gpuvm-work [options] NAME...      (all: every workload)\n"
	"  --size SIZE   tiny, paper or stress (paper)\n"
	"  --seed N      input is made from it (1)\n"
	"  --input FILE  of one workload, in place of size and seed: a row of numbers a line, # comments;\n"
	"                --list says what a row is\n"
	"  --repeat N    times from upload to read-back; the median is shown (1)\n"
	"  --seconds N   pulse: goes on for so long, up to a day\n"
	"  --steps N     pulse: length of a kernel\n"
	"  --queues N    pulse: 1 to 4 (1)\n"
	"  --depth N     pulse: kernels under way in each, 1 to 64 (1: each is waited for)\n"
	"  --every US    pulse: time between two launches, up to 10 s (0: as fast as they go)\n"
	"  --json        one object a line\n"
	"  --list        names and what they do\n"
	"Uses the first OpenCL GPU, else the first OpenCL device; times are microseconds.\n"
	"Exit code: 0 all results right, 1 not, 2 bad input, 3 no OpenCL device.\n";

static int bad(const char *what, const char *arg)
{
	fprintf(stderr, "gpuvm-work: %s%s%s; see gpuvm-work --help\n", arg ? arg : "",
		arg ? ": " : "", what);
	return EXIT_BAD_INPUT;
}

static const struct work *find(const char *name)
{
	for (unsigned int i = 0; work_all[i]; i++)
		if (!strcmp(work_all[i]->name, name))
			return work_all[i];
	return NULL;
}

/* Whether all of s is a number from min to max. */
static bool number(const char *s, unsigned long min, unsigned long max, unsigned long *v)
{
	char *end;

	errno = 0;
	*v = strtoul(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && !errno && *v >= min && *v <= max;
}

static void list(void)
{
	for (unsigned int i = 0; work_all[i]; i++)
		printf("%-11s %s%s\n", work_all[i]->name, work_all[i]->help,
		       work_all[i]->row ? work_all[i]->row : "");
}

/* A number of pulse's; 0 or an exit code. */
static int parse_pace(int c, struct pace *p)
{
	static const struct {
		int c;
		unsigned long max;
		size_t at;
	} keys[] = { { 'S', 86400, offsetof(struct pace, seconds) },
		     { 'N', 1000000000, offsetof(struct pace, steps) },
		     { 'Q', CL_QUEUES, offsetof(struct pace, queues) },
		     { 'D', PACE_DEPTH_MAX, offsetof(struct pace, depth) },
		     { 'E', 10000000, offsetof(struct pace, every_us) } };
	unsigned long v;

	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].c == c) {
			if (!number(optarg, c != 'E', keys[i].max, &v))
				return bad("out of range or not a number", optarg);
			*(uint32_t *)((char *)p + keys[i].at) = (uint32_t)v;
			return 0;
		}
	return bad("unknown option or no value", NULL);
}

/* -1: help or list was printed; else an exit code, 0 to go on. */
static int parse(int argc, char **argv, struct opts *o)
{
	static const struct option longs[] = {
		{ "size", required_argument, NULL, 's' },  { "seed", required_argument, NULL, 'r' },
		{ "repeat", required_argument, NULL, 'n' }, { "json", no_argument, NULL, 'j' },
		{ "input", required_argument, NULL, 'i' },
		{ "list", no_argument, NULL, 'l' },	   { "help", no_argument, NULL, 'h' },
		{ "seconds", required_argument, NULL, 'S' }, { "steps", required_argument, NULL, 'N' },
		{ "every", required_argument, NULL, 'E' },
		{ "queues", required_argument, NULL, 'Q' },  { "depth", required_argument, NULL, 'D' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned long v;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 's':
			for (o->size = 0;
			     o->size < NR_SIZES && strcmp(size_names[o->size], optarg);)
				o->size++;
			if (o->size == NR_SIZES)
				return bad("not tiny, paper or stress", optarg);
			break;
		case 'r':
			if (!number(optarg, 0, UINT32_MAX, &v))
				return bad("not a seed", optarg);
			o->seed = (uint32_t)v;
			break;
		case 'n':
			if (!number(optarg, 1, REPEAT_MAX, &v))
				return bad("not 1 to 1000 repetitions", optarg);
			o->repeat = (unsigned int)v;
			break;
		case 'i': o->input = optarg; break;
		case 'j': o->json = true; break;
		case 'l': list(); return -1;
		case 'h': fputs(usage, stdout); return -1;
		case '?': return bad("unknown option or no value", argv[optind - 1]);
		default:
			c = parse_pace(c, &o->pace);
			if (c)
				return c;
			break;
		}
	if (optind == argc)
		return bad("NAME is missing", NULL);
	for (int i = optind; i < argc; i++)
		if (strcmp(argv[i], "all") && !find(argv[i]))
			return bad("no such workload", argv[i]);
	if (o->input && optind + 1 != argc)
		return bad("a file is the input of one workload", o->input);
	if (o->input && (!find(argv[optind]) || !find(argv[optind])->load))
		return bad("reads no input file", argv[optind]);
	return 0;
}

/* A device's name may hold anything. */
static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++)
		if ((unsigned char)*s >= ' ' && *s != '"' && *s != '\\')
			putchar(*s);
	putchar('"');
}

static void report(const struct opts *o, const struct job *j, const double us[NR_PHASES])
{
	static const char *const phase[NR_PHASES] = { "init", "build", "htod", "launch", "dtoh", "close" };
	uint64_t bytes = 0;

	if (!o->json) {
		printf("%-11s %-6s", j->work->name, o->input ? "file" : size_names[o->size]);
		for (unsigned int p = 0; p < NR_PHASES; p++)
			printf(" %s %.0f", phase[p], us[p]);
		printf(" launches %llu sum %016llx\n", (unsigned long long)j->launches,
		       (unsigned long long)job_checksum(j));
		return;
	}
	for (unsigned int i = 0; i < j->nr_bufs; i++)
		bytes += j->buf[i].flags & BUF_HOST ? 0 : j->buf[i].len;
	printf("{\"name\": \"%s\", \"size\": \"%s\", \"seed\": %u, \"repeat\": %u, \"device\": ",
	       j->work->name, o->input ? "file" : size_names[o->size], o->seed, o->repeat);
	json_string(j->cl.name);
	printf(", \"us\": {");
	for (unsigned int p = 0; p < NR_PHASES; p++)
		printf("%s\"%s\": %.1f", p ? ", " : "", phase[p], us[p]);
	printf("}, \"bytes\": %llu, \"launches\": %llu, \"checksum\": \"%016llx\"}\n",
	       (unsigned long long)bytes, (unsigned long long)j->launches,
	       (unsigned long long)job_checksum(j));
}

static int one(const struct opts *o, const struct work *w)
{
	struct job *j = mem_new(struct job);
	double us[NR_PHASES];
	int err;

	if (!j) {
		fprintf(stderr, "gpuvm-work: out of memory\n");
		return EXIT_WRONG;
	}
	j->work = w;
	j->sz = w->size[o->size];
	j->seed = o->seed;
	j->input = o->input;
	j->pace = o->pace;
	err = job_run(j, o->repeat, us);
	if (!err)
		err = job_check(j);
	if (!err)
		report(o, j, us);
	fflush(stdout);
	job_fini(j);
	mem_free(j);
	return err == -ENODEV ? EXIT_NO_DEVICE : err == -EINVAL ? EXIT_BAD_INPUT : err ? EXIT_WRONG : 0;
}

int main(int argc, char **argv)
{
	struct opts o = { .size = SIZE_PAPER, .seed = 1, .repeat = 1 };
	int err = parse(argc, argv, &o), code = 0;

	if (err)
		return err < 0 ? 0 : err;
	for (int i = optind; i < argc; i++)
		for (unsigned int k = 0; work_all[k] && code != EXIT_NO_DEVICE; k++)
			if (!strcmp(argv[i], "all") || !strcmp(argv[i], work_all[k]->name)) {
				err = one(&o, work_all[k]);
				code = err ? err : code;
			}
	return code;
}
