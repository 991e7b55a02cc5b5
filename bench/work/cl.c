// SPDX-License-Identifier: MIT
/*
 * OpenCL under a job: opening, launching, moving data.  Only calls of OpenCL
 * 1.2 are used, and none that the embedded profile lacks.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/work/work.h"
#include "gpuvm/base/bits.h"

#define PLATFORMS_MAX 16

/* Whether there is one. */
static bool find_device(cl_device_id *dev)
{
	static const cl_device_type want[] = { CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ALL };
	cl_platform_id p[PLATFORMS_MAX];
	cl_uint n = 0, devs;

	if (clGetPlatformIDs(PLATFORMS_MAX, p, &n) != CL_SUCCESS)
		return false;
	for (unsigned int w = 0; w < ARRAY_SIZE(want); w++)
		for (cl_uint i = 0; i < n && i < PLATFORMS_MAX; i++)
			if (clGetDeviceIDs(p[i], want[w], 1, dev, &devs) == CL_SUCCESS && devs)
				return true;
	return false;
}

/* Whether the call went well. */
static bool cl_ok(struct job *j, cl_int e, const char *what)
{
	if (e != CL_SUCCESS)
		job_fail(j, -EIO, "%s: OpenCL error %d", what, e);
	return e == CL_SUCCESS;
}

static void build(struct job *j)
{
	const struct kernel_file *f = kernel_files;
	char log[2000] = "";
	cl_int e;

	while (f->name && strcmp(f->name, j->work->program))
		f++;
	if (!f->name) {
		job_fail(j, -ENOENT, "no kernel file %s", j->work->program);
		return;
	}
	j->cl.prog = clCreateProgramWithSource(j->cl.ctx, 1, (const char **)&f->text, NULL, &e);
	if (!cl_ok(j, e, "clCreateProgramWithSource"))
		return;
	e = clBuildProgram(j->cl.prog, 1, &j->cl.dev, "-cl-std=CL1.2", NULL, NULL);
	if (e == CL_SUCCESS)
		return;
	clGetProgramBuildInfo(j->cl.prog, j->cl.dev, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log,
			      NULL);
	job_fail(j, -EIO, "building %s.cl: OpenCL error %d %s", f->name, e, log);
}

static void queue_open(struct job *j, unsigned int i)
{
	cl_int e;

	if (j->err || j->cl.q[i])
		return;
	j->cl.q[i] = clCreateCommandQueue(j->cl.ctx, j->cl.dev, 0, &e);
	cl_ok(j, e, "clCreateCommandQueue");
}

void cl_open(struct job *j)
{
	cl_int e;

	if (j->err)
		return;
	if (!find_device(&j->cl.dev)) {
		job_fail(j, -ENODEV, "no OpenCL device");
		return;
	}
	clGetDeviceInfo(j->cl.dev, CL_DEVICE_NAME, sizeof j->cl.name - 1, j->cl.name, NULL);
	j->cl.ctx = clCreateContext(NULL, 1, &j->cl.dev, NULL, NULL, &e);
	if (!cl_ok(j, e, "clCreateContext"))
		return;
	queue_open(j, 0);
	if (!j->err && j->work->program) {
		job_phase(j, PHASE_BUILD);
		build(j);
		job_phase(j, PHASE_INIT);
	}
}

void cl_close(struct job *j)
{
	struct cl *c = &j->cl;
	char name[sizeof c->name];

	memcpy(name, c->name, sizeof name);
	for (unsigned int i = 0; i < CL_QUEUES; i++)
		if (c->q[i])
			clFinish(c->q[i]);
	for (unsigned int i = 0; i < j->nr_bufs; i++)
		if (j->buf[i].mem) {
			clReleaseMemObject(j->buf[i].mem);
			j->buf[i].mem = NULL;
		}
	for (unsigned int i = 0; i < c->nr_kerns; i++)
		clReleaseKernel(c->kern[i].k);
	if (c->prog)
		clReleaseProgram(c->prog);
	for (unsigned int i = 0; i < CL_QUEUES; i++)
		if (c->q[i])
			clReleaseCommandQueue(c->q[i]);
	if (c->ctx)
		clReleaseContext(c->ctx);
	*c = (struct cl){ .dev = NULL };
	memcpy(c->name, name, sizeof name);
}

void cl_buf(struct job *j, struct buf *b)
{
	cl_mem_flags flags = CL_MEM_READ_WRITE;
	cl_int e;

	if (j->err || (b->flags & BUF_HOST))
		return;
	if (b->flags & BUF_PINNED)
		flags |= CL_MEM_ALLOC_HOST_PTR;
	b->mem = clCreateBuffer(j->cl.ctx, flags, b->len, NULL, &e);
	cl_ok(j, e, "clCreateBuffer");
}

static cl_kernel find_kernel(struct job *j, const char *name)
{
	struct cl *c = &j->cl;
	cl_kernel k;
	cl_int e;

	for (unsigned int i = 0; i < c->nr_kerns; i++)
		if (!strcmp(c->kern[i].name, name))
			return c->kern[i].k;
	if (c->nr_kerns == CL_KERNELS) {
		job_fail(j, -ENOSPC, "more than %d kernels", CL_KERNELS);
		return NULL;
	}
	k = clCreateKernel(c->prog, name, &e);
	if (!cl_ok(j, e, name))
		return NULL;
	c->kern[c->nr_kerns].name = name;
	c->kern[c->nr_kerns++].k = k;
	return k;
}

static cl_int set_args(cl_kernel k, const char *args, va_list ap)
{
	cl_int e = CL_SUCCESS;
	uint32_t u;
	float f;

	for (cl_uint i = 0; args[i] && e == CL_SUCCESS; i++)
		switch (args[i]) {
		case 'b':
			e = clSetKernelArg(k, i, sizeof(cl_mem), &va_arg(ap, struct buf *)->mem);
			break;
		case 'm': e = clSetKernelArg(k, i, sizeof(cl_mem), va_arg(ap, cl_mem *)); break;
		case 'f':
			f = (float)va_arg(ap, double);
			e = clSetKernelArg(k, i, sizeof f, &f);
			break;
		default:
			u = va_arg(ap, uint32_t);
			e = clSetKernelArg(k, i, sizeof u, &u);
			break;
		}
	return e;
}

void job_launch(struct job *j, const char *kernel, struct grid g, const char *args, ...)
{
	cl_kernel k;
	va_list ap;
	cl_int e;

	queue_open(j, g.queue);
	k = j->err ? NULL : find_kernel(j, kernel);
	if (!k)
		return;
	va_start(ap, args);
	e = set_args(k, args, ap);
	va_end(ap);
	if (e == CL_SUCCESS)
		e = clEnqueueNDRangeKernel(j->cl.q[g.queue], k, g.dim, NULL, g.global, g.local, 0,
					   NULL, NULL);
	if (cl_ok(j, e, kernel))
		j->launches++;
}

void job_write(struct job *j, struct buf *b, const void *from)
{
	if (!j->err)
		cl_ok(j,
		      clEnqueueWriteBuffer(j->cl.q[0], b->mem, CL_TRUE, 0, b->len, from, 0, NULL,
					   NULL),
		      b->name);
}

void job_read(struct job *j, struct buf *b, size_t at, void *to, size_t len)
{
	if (!j->err)
		cl_ok(j,
		      clEnqueueReadBuffer(j->cl.q[0], b->mem, CL_TRUE, at, len, to, 0, NULL, NULL),
		      b->name);
}

void job_copy(struct job *j, struct buf *from, struct buf *to)
{
	if (!j->err)
		cl_ok(j,
		      clEnqueueCopyBuffer(j->cl.q[0], from->mem, to->mem, 0, 0, from->len, 0, NULL,
					  NULL),
		      from->name);
}

void *job_map(struct job *j, cl_mem m, size_t len, cl_map_flags mode)
{
	void *p;
	cl_int e;

	if (j->err)
		return NULL;
	p = clEnqueueMapBuffer(j->cl.q[0], m, CL_TRUE, mode, 0, len, 0, NULL, NULL, &e);
	return cl_ok(j, e, "clEnqueueMapBuffer") ? p : NULL;
}

void job_unmap(struct job *j, cl_mem m, void *p)
{
	if (p)
		cl_ok(j, clEnqueueUnmapMemObject(j->cl.q[0], m, p, 0, NULL, NULL),
		      "clEnqueueUnmapMemObject");
}

void job_flush(struct job *j, unsigned int queue)
{
	if (!j->err)
		cl_ok(j, clFlush(j->cl.q[queue]), "clFlush");
}

cl_event job_mark(struct job *j, unsigned int queue)
{
	cl_event e = NULL;

	if (!j->err)
		cl_ok(j, clEnqueueMarkerWithWaitList(j->cl.q[queue], 0, NULL, &e), "clEnqueueMarkerWithWaitList");
	job_flush(j, queue);
	return e;
}

void job_wait(struct job *j, cl_event e)
{
	if (!e)
		return;
	if (!j->err)
		cl_ok(j, clWaitForEvents(1, &e), "clWaitForEvents");
	clReleaseEvent(e);
}

void job_finish(struct job *j)
{
	for (unsigned int i = 0; i < CL_QUEUES; i++)
		if (!j->err && j->cl.q[i])
			cl_ok(j, clFinish(j->cl.q[i]), "clFinish");
}
