package dev.tornadomoe.backend.cpu.kernel.int4;

import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.cpu.kernel.rows.Int4Groups;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// A kernel for 4-bit weights in [Int4Blocks].
abstract class Int4Kernel implements CpuMatrix {
  final Int4Blocks blocks;
  final Int4Groups groups;

  Int4Kernel(Int4Blocks blocks) {
    this.blocks = blocks;
    this.groups = blocks.groups();
  }

  @Override
  public final int rows() {
    return blocks.rows();
  }

  @Override
  public final int columns() {
    return blocks.columns();
  }

  @Override
  public final List<MemorySegment> memory() {
    return blocks.memory();
  }
}
