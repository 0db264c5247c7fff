package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.cli.parallel.TokenExtras;
import dev.tornadomoe.layer.LayerException;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Rows that go into a layer or come out of it, from or for a safetensors file.
///
/// @param rows `[tokens, width]`
/// @param tokens M
/// @param width H
/// @param extras what a call of the layer brings beside
@SuppressWarnings("ArrayRecordComponent") // never compared
record HiddenStates(float[] rows, int tokens, int width, TokenExtras extras) {
  private static final int SEED = 2026;

  /// The longest array that every JVM can have.
  private static final int MOST_ELEMENTS = Integer.MAX_VALUE - 8;

  /// Rows of a normal distribution, the same ones each time.
  ///
  /// @throws LayerException for fewer tokens than one, or more than an array holds
  static HiddenStates madeUp(int tokens, MoeLayer layer) {
    int width = layer.hidden();
    if (tokens < 1 || (long) tokens * width > MOST_ELEMENTS) {
      throw new LayerException(
          String.format(
              Locale.ROOT,
              "--tokens must be 1 to %d for rows of %d elements, found %d",
              MOST_ELEMENTS / width,
              width,
              tokens));
    }
    Random random = new Random(SEED);
    float[] rows = new float[tokens * width];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (float) random.nextGaussian();
    }
    return new HiddenStates(rows, tokens, width, ExtraTensors.madeUp(layer, tokens));
  }

  /// Reads them.
  ///
  /// @param name of the tensor, or null where the file has only one
  /// @throws CheckpointException for a file without such a tensor, or one of another width or type
  static HiddenStates read(Path input, @Nullable String name, MoeLayer layer) {
    int width = layer.hidden();
    try (TensorFile file = TensorFile.open(input)) {
      TensorView tensor = file.require(name != null ? name : onlyTensor(input, file));
      requireRows(input, tensor, width);
      int tokens = Math.toIntExact(tensor.shape().dimension(0));
      return new HiddenStates(
          tensor.toFloats(), tokens, width, ExtraTensors.read(file, "", layer, tokens));
    }
  }

  /// For a file.
  TensorView tensor(String name) {
    return new TensorView(name, DType.F32, Shape.of(tokens, width), MemorySegment.ofArray(rows));
  }

  private static String onlyTensor(Path input, TensorFile file) {
    List<String> rows = file.names().stream().filter(name -> !ExtraTensors.isName(name)).toList();
    if (rows.isEmpty()) {
      throw new CheckpointException(
          file.names().isEmpty()
              ? String.format(Locale.ROOT, "%s: has no tensors", input)
              : String.format(
                  Locale.ROOT,
                  "%s: has no hidden states beside \"%s\"",
                  input,
                  String.join("\", \"", file.names())));
    }
    if (rows.size() != 1) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: has %d tensors (%s); say which with --tensor",
              input,
              rows.size(),
              String.join(", ", rows.stream().limit(8).toList())));
    }
    return rows.getFirst();
  }

  private static void requireRows(Path input, TensorView tensor, int width) {
    boolean isRows = tensor.shape().rank() == 2 && tensor.shape().dimension(1) == width;
    boolean isActivation =
        tensor.dtype() == DType.F32 || tensor.dtype() == DType.F16 || tensor.dtype() == DType.BF16;
    if (!isRows || !isActivation) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, expected F32, F16 or BF16 [M, %d]",
              input,
              tensor.name(),
              tensor.dtype(),
              tensor.shape(),
              width));
    }
    if (tensor.shape().elements() > MOST_ELEMENTS) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s, too large to run in one go; cut it into several files",
              input,
              tensor.name(),
              tensor.shape()));
    }
  }
}
