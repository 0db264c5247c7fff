package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;

/// A weight matrix that is described now and brought into memory when a backend asks for it.
/// Planning and explaining a layer needs the description alone, so they never touch the data.
///
/// Implementations are immutable; [#load] may be called from several threads.
public interface Weight {

  /// {@return what messages call it: the tensor's or module's name in the file}
  String name();

  /// {@return output features}
  int rows();

  /// {@return input features}
  int columns();

  /// {@return the format as headers and config announce it; the loaded matrix has the last word
  /// (GPTQ zero points that turn out to be all 8 are dropped, say)}
  WeightFormat format();

  /// {@return how many bytes [#load] will allocate in its arena: 0 when the file's own bytes are
  /// used}
  long bytesToLoad();

  /// Brings the matrix into memory.
  ///
  /// @param arena where a form that differs from the file's is allocated
  /// @return the matrix, readable as long as the arena and the weight's file are open
  /// @throws dev.tornadomoe.MoeException for content that can't be right (a scale that is zero,
  ///   infinite or NaN, say)
  WeightMatrix load(Arena arena);

  /// {@return how many bytes one pass over the matrix reads}
  default long bytes() {
    return format().bytes(rows(), columns());
  }

  /// {@return a weight that is in memory already}
  ///
  /// @param name for messages
  /// @param matrix which [#load] hands out
  static Weight of(String name, WeightMatrix matrix) {
    return new LoadedWeight(name, matrix);
  }

  /// {@return an unquantised weight in the form we use, `[rows, columns]`}
  ///
  /// @param values `[rows, columns]`
  /// @throws IllegalArgumentException for a tensor that is no matrix of F32, F16 or BF16
  static Weight dense(TensorView values) {
    return new DenseWeight(values);
  }

  /// Every `step`-th row of an unquantised matrix.
  ///
  /// @param values `[stored rows, columns]`
  /// @param rows how many rows are taken
  /// @param first the first row taken
  /// @param step the distance to the next: 2 where gate and up are interleaved
  /// @return a weight `[rows, columns]`, brought together when it is loaded
  static Weight interleaved(TensorView values, int rows, int first, int step) {
    return new InterleavedWeight(values, new RowSelection(rows, first, step));
  }

  /// An unquantised weight stored `[columns, rows]`, or every `step`-th output of one.
  ///
  /// @param values `[columns, stored outputs]`
  /// @param rows how many outputs are taken
  /// @param first the first output taken
  /// @param step the distance to the next: 2 where gate and up are interleaved
  /// @return a weight `[rows, columns]`, transposed when it is loaded
  static Weight transposed(TensorView values, int rows, int first, int step) {
    return new TransposedWeight(values, rows, first, step);
  }

  /// A weight made up from a seed when it is loaded, with a spread that keeps activations near 1:
  /// to measure a model's sizes without its files.
  ///
  /// @param name for messages
  /// @param rows output features
  /// @param columns input features
  /// @param format F32, F16 or BF16, int4 or int8 with BF16 scales (int8 one for each row), or FP8
  ///   with F32 scales for square tiles; no zero points
  /// @param seed always gives the same weight
  /// @return a weight `[rows, columns]`
  /// @throws IllegalArgumentException for another format
  static Weight synthetic(String name, int rows, int columns, WeightFormat format, long seed) {
    return new SyntheticWeight(name, rows, columns, format, seed);
  }
}
