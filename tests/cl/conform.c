// SPDX-License-Identifier: MIT
/*
 * Runs the OpenCL cases of one file and writes what each left in its output:
 *
 *   gpuvm-conform --dump FOLDER FILE.cl [CASE...]
 *   gpuvm-conform --inputs FOLDER     what each kind of input holds, as KIND.a and KIND.b
 *   gpuvm-conform --driver            the version of the OpenCL driver
 *
 * Each case is a program of its own, because some drivers fail a whole program
 * for one kernel.  Both outputs carry the name before anything is tried
 * ("# NAME" on stderr, "run NAME" on stdout), then "done NAME", "none NAME"
 * (the device lacks what it needs) or "fail NAME WHY", so that a reader knows
 * which case a complaint or a crash belongs to.  Judging is the reader's part.
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/bits.h"
#include "gpuvm/base/mem.h"
#include "tests/cl/case.h"
#include "tests/cl/input.h"

#define PLATFORMS_MAX 16
#define LOG_LEN 2000
#define PATH_LEN 4096
/* Width and height of every image. */
#define IMAGE_SIZE 32

struct runner {
	cl_device_id dev;
	cl_context ctx;
	cl_command_queue q;
	char extensions[4000];
	const char *folder;
	const struct case_file *file;
	uint32_t words[CASE_BYTES / 4];
	char why[LOG_LEN + 100]; /* of the case that failed; empty: none has */
};

static void fail(struct runner *r, const char *fmt, ...)
{
	va_list ap;

	if (r->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(r->why, sizeof r->why, fmt, ap);
	va_end(ap);
	for (char *p = r->why; *p; p++)
		if (*p == '\n')
			*p = ' ';
}

static bool good(struct runner *r, cl_int e, const char *what)
{
	if (e != CL_SUCCESS)
		fail(r, "%s: OpenCL error %d", what, e);
	return e == CL_SUCCESS;
}

static bool find_device(cl_device_id *dev)
{
	cl_platform_id p[PLATFORMS_MAX];
	cl_uint n = 0, devs = 0;

	if (clGetPlatformIDs(PLATFORMS_MAX, p, &n) != CL_SUCCESS)
		return false;
	for (cl_uint i = 0; i < n && i < PLATFORMS_MAX; i++)
		if (clGetDeviceIDs(p[i], CL_DEVICE_TYPE_ALL, 1, dev, &devs) == CL_SUCCESS && devs)
			return true;
	return false;
}

static cl_kernel build(struct runner *r, const struct test_case *c, cl_program *prog)
{
	const char *parts[2] = { NULL, c->text };
	size_t lens[2] = { 0, c->text_len };
	char log[LOG_LEN] = "";
	cl_kernel k;
	cl_int e;

	parts[0] = case_preamble(r->file, &lens[0]);
	*prog = clCreateProgramWithSource(r->ctx, 2, parts, lens, &e);
	if (!good(r, e, "clCreateProgramWithSource"))
		return NULL;
	e = clBuildProgram(*prog, 1, &r->dev, "-cl-std=CL1.2", NULL, NULL);
	if (e != CL_SUCCESS) {
		clGetProgramBuildInfo(*prog, r->dev, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
		fail(r, "build error %d: %s", e, log);
		return NULL;
	}
	k = clCreateKernel(*prog, c->name, &e);
	return good(r, e, "clCreateKernel") ? k : NULL;
}

static const struct image_kind {
	const char *name;
	cl_image_format f;
	const char *fill;
	size_t pixel;
} image_kinds[] = {
	{ "img:rgba8", { CL_RGBA, CL_UNORM_INT8 }, "u32", 4 },
	{ "img:rgba8ui", { CL_RGBA, CL_UNSIGNED_INT8 }, "u32", 4 },
	{ "img:rgba32f", { CL_RGBA, CL_FLOAT }, "mid", 16 },
	{ "img:rgba32ui", { CL_RGBA, CL_UNSIGNED_INT32 }, "u32", 16 },
	{ "img:rgba32i", { CL_RGBA, CL_SIGNED_INT32 }, "u32", 16 },
};

static const struct image_kind *image_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_kinds); i++)
		if (!strcmp(image_kinds[i].name, name))
			return &image_kinds[i];
	return NULL;
}

/* The memory of one argument, filled; NULL after an error. */
static cl_mem argument(struct runner *r, const char *kind, int which)
{
	const struct image_kind *im = image_kind(kind);
	cl_image_desc d = { .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = IMAGE_SIZE,
			    .image_height = IMAGE_SIZE };
	const char *fill = im ? im->fill : kind;
	cl_mem m;
	cl_int e;

	memset(r->words, 0, sizeof r->words);
	if (which < 2 && input_fill(fill, which, r->words, ARRAY_SIZE(r->words))) {
		fail(r, "unknown input %s", kind);
		return NULL;
	}
	m = im ? clCreateImage(r->ctx, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, &im->f, &d, r->words, &e) :
		 clCreateBuffer(r->ctx, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, CASE_BYTES, r->words, &e);
	return good(r, e, "making an argument") ? m : NULL;
}

static size_t read_back(struct runner *r, const struct test_case *c, cl_mem m)
{
	const struct image_kind *im = image_kind(c->out);
	const size_t origin[3] = { 0, 0, 0 }, region[3] = { IMAGE_SIZE, IMAGE_SIZE, 1 };
	size_t len = im ? IMAGE_SIZE * IMAGE_SIZE * im->pixel : CASE_BYTES;
	cl_int e;

	e = im ? clEnqueueReadImage(r->q, m, CL_TRUE, origin, region, 0, 0, r->words, 0, NULL, NULL) :
		 clEnqueueReadBuffer(r->q, m, CL_TRUE, 0, len, r->words, 0, NULL, NULL);
	return good(r, e, "reading back") ? len : 0;
}

static void dump(struct runner *r, const char *name, const char *suffix, size_t len)
{
	char path[PATH_LEN];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s%s", r->folder, name, suffix);
	f = fopen(path, "wb");
	if (!f || fwrite(r->words, 1, len, f) != len)
		fail(r, "%s: %s", path, strerror(errno));
	if (f)
		fclose(f);
}

static int dump_inputs(struct runner *r)
{
	for (size_t i = 0; input_kind(i); i++)
		for (int second = 0; second < 2; second++) {
			input_fill(input_kind(i), second, r->words, ARRAY_SIZE(r->words));
			dump(r, input_kind(i), second ? ".b" : ".a", sizeof r->words);
		}
	if (r->why[0])
		fprintf(stderr, "gpuvm-conform: %s\n", r->why);
	return r->why[0] ? 1 : 0;
}

static int print_driver(struct runner *r)
{
	char version[200] = "";

	if (!find_device(&r->dev)) {
		fprintf(stderr, "gpuvm-conform: no OpenCL device\n");
		return 3;
	}
	clGetDeviceInfo(r->dev, CL_DRIVER_VERSION, sizeof version - 1, version, NULL);
	printf("%s\n", version);
	return 0;
}

static void run_case(struct runner *r, const struct test_case *c)
{
	const char *kinds[3] = { c->a, c->b, c->out };
	cl_mem m[3] = { NULL, NULL, NULL };
	cl_program prog = NULL;
	cl_kernel k = build(r, c, &prog);

	for (int i = 0; k && !r->why[0] && i < 3; i++) {
		m[i] = argument(r, kinds[i], i);
		if (m[i])
			good(r, clSetKernelArg(k, (cl_uint)i, sizeof m[i], &m[i]), "clSetKernelArg");
	}
	if (!r->why[0])
		good(r, clEnqueueNDRangeKernel(r->q, k, c->dims, c->offset, c->global, c->local, 0, NULL, NULL),
		     "clEnqueueNDRangeKernel");
	if (!r->why[0])
		good(r, clFinish(r->q), "clFinish");
	if (!r->why[0])
		dump(r, c->name, "", read_back(r, c, m[2]));
	for (int i = 0; i < 3; i++)
		if (m[i])
			clReleaseMemObject(m[i]);
	if (k)
		clReleaseKernel(k);
	if (prog)
		clReleaseProgram(prog);
}

static bool wanted(const struct test_case *c, int n, char **names)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], c->name))
			return true;
	return n == 0;
}

/* Whether the device has what the case needs. */
static bool offered(const struct runner *r, const struct test_case *c)
{
	return !c->need[0] || strstr(r->extensions, c->need);
}

static void run_file(struct runner *r, int n, char **names)
{
	for (size_t i = 0; i < case_count(r->file); i++) {
		const struct test_case *c = case_at(r->file, i);

		if (!wanted(c, n, names))
			continue;
		fprintf(stderr, "# %s\n", c->name);
		printf("run %s\n", c->name);
		fflush(stdout);
		r->why[0] = '\0';
		if (!offered(r, c)) {
			printf("none %s\n", c->name);
			continue;
		}
		run_case(r, c);
		if (r->why[0])
			printf("fail %s %s\n", c->name, r->why);
		else
			printf("done %s\n", c->name);
		fflush(stdout);
	}
}

static int run_cases(struct runner *r, const char *path, int n, char **names)
{
	struct case_file *f = NULL;
	cl_int e = 0;

	if (case_file_open(path, &f))
		return 2;
	r->file = f;
	if (find_device(&r->dev))
		r->ctx = clCreateContext(NULL, 1, &r->dev, NULL, NULL, &e);
	if (r->ctx)
		r->q = clCreateCommandQueue(r->ctx, r->dev, 0, &e);
	if (r->q) {
		clGetDeviceInfo(r->dev, CL_DEVICE_EXTENSIONS, sizeof r->extensions - 1, r->extensions, NULL);
		run_file(r, n, names);
		clReleaseCommandQueue(r->q);
	} else {
		fprintf(stderr, "gpuvm-conform: no OpenCL device, error %d\n", e);
	}
	if (r->ctx)
		clReleaseContext(r->ctx);
	case_file_free(f);
	return r->q ? 0 : 3;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct runner *r = mem_new(struct runner);
	int code = 2;

	if (!r)
		return 2;
	r->folder = argc > 2 ? argv[2] : "";
	if (!strcmp(what, "--dump") && argc > 3)
		code = run_cases(r, argv[3], argc - 4, argv + 4);
	else if (!strcmp(what, "--inputs") && argc == 3)
		code = dump_inputs(r);
	else if (!strcmp(what, "--driver") && argc == 2)
		code = print_driver(r);
	else
		fprintf(stderr, "usage: gpuvm-conform --dump FOLDER FILE.cl [CASE...] | --inputs FOLDER | --driver\n");
	mem_free(r);
	return code;
}
