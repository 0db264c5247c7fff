// What our kernels and tests use of OpenCL C's functions (OpenCL C specification 3.0, section 6.15), in the place of the
// header of this name that PoCL reads before it compiles a kernel: that declares all of them for all vector types, takes
// a megabyte, and a third of a device test's time. A kernel that calls another one does not compile until it is here.
#ifndef _OPENCL_H_
#define _OPENCL_H_

#include "opencl-c-base.h"

#define OF_VALUES __attribute__((overloadable, const))

#define FLOATS_1(name) float OF_VALUES name(float); double OF_VALUES name(double);
#define FLOATS_2(name) float OF_VALUES name(float, float); double OF_VALUES name(double, double);
#define FLOATS_3(name) float OF_VALUES name(float, float, float); double OF_VALUES name(double, double, double);
#define TESTS_1(name) int OF_VALUES name(float); int OF_VALUES name(double);
#define TESTS_2(name) int OF_VALUES name(float, float); int OF_VALUES name(double, double);
#define NATIVE(name) float OF_VALUES native_##name(float);
#define NUMBERS_2(name) \
  char OF_VALUES name(char, char); short OF_VALUES name(short, short); int OF_VALUES name(int, int); \
  uint OF_VALUES name(uint, uint); long OF_VALUES name(long, long); ulong OF_VALUES name(ulong, ulong); \
  float OF_VALUES name(float, float); double OF_VALUES name(double, double);
#define NUMBERS_3(name) \
  int OF_VALUES name(int, int, int); long OF_VALUES name(long, long, long); \
  float OF_VALUES name(float, float, float); double OF_VALUES name(double, double, double);
#define WORK_ITEM(name) size_t OF_VALUES name(uint);

WORK_ITEM(get_global_id)
WORK_ITEM(get_global_offset)
WORK_ITEM(get_global_size)
WORK_ITEM(get_group_id)
WORK_ITEM(get_local_id)
WORK_ITEM(get_local_size)
WORK_ITEM(get_num_groups)
uint OF_VALUES get_work_dim(void);

void __attribute__((overloadable, convergent)) barrier(cl_mem_fence_flags);
void __attribute__((overloadable)) mem_fence(cl_mem_fence_flags);

FLOATS_1(ceil)
FLOATS_1(cos)
FLOATS_1(erf)
FLOATS_1(exp)
FLOATS_1(exp2)
FLOATS_1(expm1)
FLOATS_1(fabs)
FLOATS_1(floor)
FLOATS_1(log)
FLOATS_1(log1p)
FLOATS_1(log2)
FLOATS_1(rint)
FLOATS_1(round)
FLOATS_1(rsqrt)
FLOATS_1(sin)
FLOATS_1(sqrt)
FLOATS_1(tanh)
FLOATS_1(trunc)
FLOATS_2(copysign)
FLOATS_2(fmax)
FLOATS_2(fmin)
FLOATS_2(fmod)
FLOATS_2(pow)
FLOATS_3(fma)
FLOATS_3(mad)
TESTS_1(isinf)
TESTS_1(isnan)
TESTS_2(isequal)
TESTS_2(isgreater)
TESTS_2(isgreaterequal)
TESTS_2(isless)
TESTS_2(islessequal)
TESTS_2(isnotequal)
NATIVE(cos)
NATIVE(exp)
NATIVE(log)
NATIVE(sin)
NATIVE(sqrt)
NATIVE(tan)
NUMBERS_2(max)
NUMBERS_2(min)
NUMBERS_3(clamp)
uint OF_VALUES abs(int);
ulong OF_VALUES abs(long);
int OF_VALUES popcount(int);
long OF_VALUES popcount(long);

#endif
