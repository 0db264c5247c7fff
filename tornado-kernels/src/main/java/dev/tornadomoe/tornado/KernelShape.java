package dev.tornadomoe.tornado;

/// Which of the two kinds of kernels a device gets.
enum KernelShape {
  /// A work-item for each row of outputs, no local memory and no barriers: for CPUs.
  WORK_ITEMS,
  /// A work-group for each few rows of outputs, sums through local memory: for GPUs.
  WORK_GROUPS
}
