// SPDX-License-Identifier: MIT
/* Which domain gets a GPU when, with domains and GPUs that are this test's own. */
#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/domains.h"

struct host {
	char dir[64];
	struct domains *d;
	struct {
		uint16_t domid;
		char name[32];
	} dom[4];
	unsigned int nr;
	uint64_t changes;
	const char *refuse;	  /* why no GPU can be had now */
	char given[400];	  /* "NAME:DOMID:VRAM_MIB " for each GPU */
	unsigned int asked, looks;
};

static uint64_t changes(void *ctx)
{
	return ((struct host *)ctx)->changes;
}

static void each(void *ctx, domains_fn fn, void *arg)
{
	struct host *h = ctx;

	h->looks++;
	for (unsigned int i = 0; i < h->nr; i++)
		fn(arg, h->dom[i].domid, h->dom[i].name);
}

static int attach(void *ctx, const struct domain_conf *c, uint16_t domid, char *msg, size_t n)
{
	struct host *h = ctx;
	size_t have = strlen(h->given);

	h->asked++;
	if (h->refuse) {
		snprintf(msg, n, "%s", h->refuse);
		return -ENOSPC;
	}
	snprintf(h->given + have, sizeof h->given - have, "%s:%u:%u ", c->name, domid,
		 (unsigned int)(c->vram >> 20));
	return 0;
}

static const struct domains_ops ops = { .changes = changes, .each = each, .attach = attach };

static void come(struct host *h, uint16_t domid, const char *name)
{
	h->dom[h->nr].domid = domid;
	snprintf(h->dom[h->nr++].name, sizeof h->dom[0].name, "%s", name);
	h->changes++;
}

static void go(struct host *h, uint16_t domid)
{
	for (unsigned int i = 0; i < h->nr; i++)
		if (h->dom[i].domid == domid)
			h->dom[i] = h->dom[--h->nr];
	h->changes++;
}

static void conf(struct host *h, const char *file, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", h->dir, file);
	if (!text) {
		unlink(path);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof *h);

	strcpy(h->dir, "/tmp/gpuvm-domains-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	assert_int_equal(domains_new(h->dir, &ops, h, NULL, &h->d), 0);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "one.conf", "two.conf", "bad name.conf", "notes" };
	struct host *h = *state;

	domains_free(h->d);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		conf(h, files[i], NULL);
	rmdir(h->dir);
	free(h);
	return 0;
}

static void reload(struct host *h, unsigned int configured, unsigned int wrong)
{
	struct domains_count n;
	char msg[600];

	assert_int_equal(domains_reload(h->d, &n, msg, sizeof msg), 0);
	assert_int_equal(n.configured, configured);
	assert_int_equal(n.files_wrong, wrong);
	assert_int_equal(!*msg, !wrong);
}

static void gpus(struct host *h, const char *given)
{
	domains_serve(h->d);
	assert_string_equal(h->given, given);
	h->given[0] = '\0';
}

static void a_domain_that_comes(void **state)
{
	struct host *h = *state;

	conf(h, "one.conf", "vram = 64M\n");
	conf(h, "notes", "none of the daemon's\n");
	reload(h, 1, 0);
	gpus(h, "");
	come(h, 1, "other");
	gpus(h, "");
	come(h, 2, "one");
	gpus(h, "one:2:64 ");
	gpus(h, "");
	/* Somebody else's coming and going is nothing to it. */
	go(h, 1);
	gpus(h, "");
}

static void one_that_was_there_before(void **state)
{
	struct host *h = *state;

	come(h, 7, "one");
	gpus(h, "");
	/* With nothing configured nobody is asked who is there. */
	assert_int_equal(h->looks, 0);
	conf(h, "one.conf", "");
	reload(h, 1, 0);
	gpus(h, "one:7:256 ");
}

/* A reboot is a new domain under the old name. */
static void reboot(void **state)
{
	struct host *h = *state;

	conf(h, "one.conf", "vram = 2M\n");
	reload(h, 1, 0);
	come(h, 3, "one");
	gpus(h, "one:3:2 ");
	go(h, 3);
	come(h, 4, "one");
	gpus(h, "one:4:2 ");
	/* Seen on the way, too. */
	go(h, 4);
	gpus(h, "");
	come(h, 4, "one");
	gpus(h, "one:4:2 ");
}

static void refused_and_tried_again(void **state)
{
	struct host *h = *state;

	conf(h, "one.conf", "");
	reload(h, 1, 0);
	h->refuse = "no room";
	come(h, 1, "one");
	gpus(h, "");
	assert_int_equal(h->asked, 1);
	/* Not in a loop. */
	gpus(h, "");
	assert_int_equal(h->asked, 1);
	h->refuse = NULL;
	h->changes++;
	gpus(h, "one:1:256 ");
	assert_int_equal(h->asked, 2);
	h->refuse = "no room";
	go(h, 1);
	come(h, 2, "one");
	gpus(h, "");
	h->refuse = NULL;
	reload(h, 1, 0);
	gpus(h, "one:2:256 ");
}

static void reload_leaves_guests_alone(void **state)
{
	struct host *h = *state;

	conf(h, "one.conf", "vram = 4M\n");
	reload(h, 1, 0);
	come(h, 1, "one");
	come(h, 2, "two");
	gpus(h, "one:1:4 ");
	conf(h, "one.conf", "vram = 8M\n");
	conf(h, "two.conf", "vram = 6M\n");
	reload(h, 2, 0);
	gpus(h, "two:2:6 ");
	/* What it says now is for its next life. */
	go(h, 1);
	come(h, 5, "one");
	gpus(h, "one:5:8 ");
	conf(h, "one.conf", NULL);
	reload(h, 1, 0);
	go(h, 5);
	come(h, 6, "one");
	gpus(h, "");
}

static void a_file_that_is_wrong(void **state)
{
	struct host *h = *state;
	struct domains_count n;
	char msg[600], wanted[200];

	conf(h, "one.conf", "vram = 4M\n");
	reload(h, 1, 0);
	conf(h, "one.conf", "\nvram = 4 Megs\n");
	conf(h, "two.conf", "vram = 6M\n");
	conf(h, "bad name.conf", "");
	/* The others are taken, and the wrong one is what it was. */
	reload(h, 2, 2);
	come(h, 1, "one");
	come(h, 2, "two");
	gpus(h, "one:1:4 two:2:6 ");
	conf(h, "bad name.conf", NULL);
	assert_int_equal(domains_reload(h->d, &n, msg, sizeof msg), 0);
	snprintf(wanted, sizeof wanted, "%s/one.conf:2: vram = 4 Megs: not a size, as 256M", h->dir);
	assert_string_equal(msg, wanted);
}

static void no_such_folder(void **state)
{
	struct host *h = *state;
	struct domains_count n;
	struct domains *d;
	char msg[600];

	(void)h;
	assert_int_equal(domains_new("/nonexistent/gpuvm", &ops, h, NULL, &d), 0);
	assert_int_equal(domains_reload(d, &n, msg, sizeof msg), -ENOENT);
	assert_string_equal(msg, "/nonexistent/gpuvm: No such file or directory");
	domains_serve(d);
	domains_free(d);
	domains_free(NULL);
}

static int fail_at, calls;

static int fail_nth(void)
{
	return ++calls == fail_at;
}

/* Without memory nothing changes, wherever it was missing. */
static void no_memory(void **state)
{
	struct host *h = *state;
	struct domains_count n;
	struct domains *d = NULL;
	char msg[600];

	conf(h, "one.conf", "vram = 4M\n");
	for (fail_at = 1;; fail_at++) {
		int err;

		calls = 0;
		mem_fault_hook = fail_nth;
		err = domains_new(h->dir, &ops, h, NULL, &d);
		if (!err)
			err = domains_reload(d, &n, msg, sizeof msg);
		mem_fault_hook = NULL;
		if (calls < fail_at) {
			assert_int_equal(err, 0);
			break;
		}
		if (d) {
			assert_true(err == -ENOMEM || n.files_wrong == 1);
			assert_int_equal(n.configured, 0);
		}
		domains_free(d);
		d = NULL;
	}
	assert_in_range(fail_at, 4, 20);
	domains_free(d);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_domain_that_comes), T(one_that_was_there_before), T(reboot),
		T(refused_and_tried_again), T(reload_leaves_guests_alone), T(a_file_that_is_wrong),
		T(no_such_folder), T(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
