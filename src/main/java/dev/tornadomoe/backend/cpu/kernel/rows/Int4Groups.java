package dev.tornadomoe.backend.cpu.kernel.rows;

import org.jspecify.annotations.Nullable;

/// How the columns of a 4-bit matrix are divided: into groups, which have a scale, and these into
/// quads of 4 columns. A group's quads are read in chunks of at most 32 columns, for each of which
/// activations are rounded by themselves.
public final class Int4Groups {
  /// Columns of a quad.
  public static final int QUAD = 4;

  /// Quads of a chunk: 32 columns. With more, activations would have to be rounded coarser for
  /// their products with weights to add up in 16 bits.
  public static final int CHUNK = 8;

  private final int columns;
  private final int groupSize;
  private final int count;
  private final int quads;
  private final int quadsPerGroup;
  private final int quadsOfLast;

  /// @param columns of the matrix
  /// @param groupSize columns of a group, or more than there are columns
  public Int4Groups(int columns, int groupSize) {
    this.columns = columns;
    this.groupSize = groupSize;
    this.count = Math.ceilDiv(columns, groupSize);
    this.quads = 2 * Math.ceilDiv(columns, 8); // whole words of 8 columns, as in files
    this.quadsPerGroup = count == 1 ? quads : groupSize / QUAD;
    this.quadsOfLast = quads - (count - 1) * quadsPerGroup;
  }

  /// Of the matrix.
  int columns() {
    return columns;
  }

  /// How many groups a row has.
  public int count() {
    return count;
  }

  /// Quads of a row.
  public int quads() {
    return quads;
  }

  /// Quads of each group but perhaps the last.
  public int quadsPerGroup() {
    return quadsPerGroup;
  }

  /// Quads of a group.
  public int quads(int group) {
    return group == count - 1 ? quadsOfLast : quadsPerGroup;
  }

  /// Chunks of a row.
  public int chunks() {
    return (count - 1) * chunksPerGroup() + chunks(count - 1);
  }

  /// Chunks of each group but perhaps the last.
  public int chunksPerGroup() {
    return Math.ceilDiv(quadsPerGroup, CHUNK);
  }

  /// Chunks of a group.
  public int chunks(int group) {
    return Math.ceilDiv(quads(group), CHUNK);
  }

  /// Columns with the padding that completes the last quads.
  public int paddedColumns() {
    return quads * QUAD;
  }

  /// The same division.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Int4Groups groups
        && columns == groups.columns
        && groupSize == groups.groupSize;
  }

  @Override
  public int hashCode() {
    return 31 * columns + groupSize;
  }
}
