package dev.tornadomoe.backend.cpu.kernel.rows;

/// What a kernel needs for multiplying, known from a weight's format alone.
///
/// @param form in which it wants the activations
/// @param workSize elements of work space
public record KernelNeeds(RowForm form, int workSize) {}
