package dev.tornadomoe.tensor;

import java.util.Locale;

/// How the elements of a row are laid out: runs of `columns` elements in `bytes` bytes each.
///
/// @param name as messages and plans show it: `int4`, `fp8`, `Q4_K`
/// @param columns elements of a run; a row's last run may be filled up
/// @param bytes of a run
/// @param scalesInside whether a run brings its own scales, as GGUF's blocks do
public record Coding(String name, int columns, int bytes, boolean scalesInside) {
  /// Floats as they are; their type gives the size.
  public static final Coding DENSE = new Coding("dense", 1, 0, false);

  /// Eight nibbles to a word ([Int4Matrix]).
  public static final Coding INT4 = new Coding("int4", 8, 4, false);

  /// A byte each ([Int8Matrix]).
  public static final Coding INT8 = new Coding("int8", 1, 1, false);

  /// A byte each, E4M3 ([Fp8Matrix]).
  public static final Coding FP8 = new Coding("fp8", 1, 1, false);

  /// Two E2M1 to a byte, a power of two for each 32 ([Mxfp4Matrix]).
  public static final Coding MXFP4 = new Coding("mxfp4", 2, 1, false);

  /// Two E2M1 to a byte, an E4M3 for each 16 ([Nvfp4Matrix]).
  public static final Coding NVFP4 = new Coding("nvfp4", 2, 1, false);

  /// Two elements of 4 bits to a byte, with a scale and an offset for each group ([AffineMatrix]).
  public static final Coding AFFINE4 = new Coding("affine4", 2, 1, false);

  /// The same with 8 bits.
  public static final Coding AFFINE8 = new Coding("affine8", 1, 1, false);

  /// Checks the sizes.
  ///
  /// @throws IllegalArgumentException for sizes that can't be
  public Coding {
    if (columns < 1 || bytes < 0) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "%d elements in %d bytes", columns, bytes));
    }
  }

  /// {@return how many bytes a row has, scales not counted unless they are inside}
  ///
  /// @param columns of the row
  public long rowBytes(int columns) {
    return (long) Math.ceilDiv(columns, this.columns) * bytes;
  }
}
