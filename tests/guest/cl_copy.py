#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An OpenCL program without kernels: data to the GPU, from buffer to buffer, and back, by each of THREADS threads with
a context of its own.  Usage: cl_copy.py BYTES [THREADS [ROUNDS]].  Exit code 0 if every byte came back."""
import ctypes
import os
import random
import sys
import threading

cl = ctypes.CDLL("libOpenCL.so.1")
P, I, S = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
cl.clGetPlatformIDs.argtypes = [I, P, P]
cl.clGetDeviceIDs.argtypes = [P, ctypes.c_uint64, I, P, P]
cl.clCreateContext.argtypes = [P, I, P, P, P, P]
cl.clCreateContext.restype = P
cl.clCreateCommandQueue.argtypes = [P, P, ctypes.c_uint64, P]
cl.clCreateCommandQueue.restype = P
cl.clCreateBuffer.argtypes = [P, ctypes.c_uint64, S, P, P]
cl.clCreateBuffer.restype = P
cl.clEnqueueWriteBuffer.argtypes = [P, P, I, S, S, P, I, P, P]
cl.clEnqueueReadBuffer.argtypes = [P, P, I, S, S, P, I, P, P]
cl.clEnqueueCopyBuffer.argtypes = [P, P, P, S, S, S, I, P, P]
for name in ("clFinish", "clReleaseMemObject", "clReleaseCommandQueue", "clReleaseContext"):
    getattr(cl, name).argtypes = [P]


def check(code, what):
    if code:
        raise RuntimeError(f"{what}: error {code}")


def device():
    platform, dev, n = P(), P(), ctypes.c_uint()
    check(cl.clGetPlatformIDs(1, ctypes.byref(platform), ctypes.byref(n)), "clGetPlatformIDs")
    check(cl.clGetDeviceIDs(platform, 0xffffffff, 1, ctypes.byref(dev), ctypes.byref(n)), "clGetDeviceIDs")
    return dev


def copy(dev, size, seed, rounds):
    err = ctypes.c_int()
    ctx = cl.clCreateContext(None, 1, ctypes.byref(dev), None, None, ctypes.byref(err))
    check(err.value, "clCreateContext")
    queue = cl.clCreateCommandQueue(ctx, dev, 0, ctypes.byref(err))
    check(err.value, "clCreateCommandQueue")
    for r in range(rounds):
        a, b = (cl.clCreateBuffer(ctx, 1, size, None, ctypes.byref(err)) for _ in range(2))
        check(err.value, "clCreateBuffer")
        data = random.Random(seed * 1000 + r).randbytes(size)
        back = ctypes.create_string_buffer(size)
        check(cl.clEnqueueWriteBuffer(queue, a, 1, 0, size, data, 0, None, None), "clEnqueueWriteBuffer")
        check(cl.clEnqueueCopyBuffer(queue, a, b, 0, 0, size, 0, None, None), "clEnqueueCopyBuffer")
        check(cl.clEnqueueReadBuffer(queue, b, 1, 0, size, back, 0, None, None), "clEnqueueReadBuffer")
        if back.raw != data:
            raise RuntimeError("the data came back different")
        cl.clReleaseMemObject(a)
        cl.clReleaseMemObject(b)
    cl.clReleaseCommandQueue(queue)
    cl.clReleaseContext(ctx)


def main():
    size = int(sys.argv[1])
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    dev, failed = device(), []

    def work(k):
        try:
            copy(dev, size, k, rounds)
        except RuntimeError as e:
            failed.append(str(e))

    if "CL_COPY_READY" in os.environ:
        os.write(int(os.environ["CL_COPY_READY"]), b"r")
    all_threads = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    for f in failed:
        print(f, file=sys.stderr)
    if not failed:
        print(f"{threads} x {rounds} x {size} bytes came back")
    return 1 if failed else 0


sys.exit(main())
