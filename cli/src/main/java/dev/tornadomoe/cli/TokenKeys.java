package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.cli.bench.BenchInputs;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/// What routers ask of each token beside its hidden states, in safetensors files: integers `[M]`
/// beside the rows.
final class TokenKeys {
  private static final int SEED = 2026;

  private TokenKeys() {}

  /// What such a tensor is called, as transformers' arguments are.
  static String tensorName(TokenKey.Kind kind) {
    return switch (kind) {
      case ID -> "input_ids";
    };
  }

  /// Whether a tensor holds some, and no rows.
  static boolean isName(String tensor) {
    for (TokenKey.Kind kind : TokenKey.Kind.values()) {
      if (tensor.equals(tensorName(kind))) {
        return true;
      }
    }
    return false;
  }

  /// Reads all that a layer's router asks.
  ///
  /// @param prefix what stands before the tensors' names
  /// @throws CheckpointException for a file without them, or with others
  static Map<CallerRegion, int[]> read(TensorFile file, String prefix, MoeLayer layer, int tokens) {
    Map<CallerRegion, int[]> keys = new EnumMap<>(CallerRegion.class);
    for (TokenKey key : TokenKey.of(List.of(layer))) {
      String name = prefix + tensorName(key.kind());
      TensorView tensor =
          file.find(name)
              .orElseThrow(() ->
                  new CheckpointException(
                      String.format(
                          Locale.ROOT,
                          "%s: has no tensor \"%s\", by which layer %d chooses experts; expected"
                              + " I32 or I64 [%d]",
                          file.file(),
                          name,
                          layer.index(),
                          tokens)));
      keys.put(CallerRegion.of(key.kind()), values(file, tensor, tokens, key));
    }
    return keys;
  }

  private static int[] values(TensorFile file, TensorView tensor, int tokens, TokenKey key) {
    boolean isInteger = tensor.dtype() == DType.I32 || tensor.dtype() == DType.I64;
    if (!isInteger || !(tensor.shape().is(tokens) || tensor.shape().is(1, tokens))) {
      throw new CheckpointException(
          String.format(
              Locale.ROOT,
              "%s: tensor \"%s\" is %s %s, expected I32 or I64 [%d]",
              file.file(),
              tensor.name(),
              tensor.dtype(),
              tensor.shape(),
              tokens));
    }
    int[] values = new int[tokens];
    for (int t = 0; t < tokens; t++) {
      long value = tensor.getLong(t);
      if (value < 0 || value >= key.count()) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" has %d for token %d, expected 0 to %d",
                file.file(),
                tensor.name(),
                value,
                t,
                key.count() - 1));
      }
      values[t] = (int) value;
    }
    return values;
  }

  /// Makes up all that a layer's router asks, the same each time.
  static Map<CallerRegion, int[]> madeUp(MoeLayer layer, int tokens) {
    return BenchInputs.keys(List.of(layer), tokens, new Random(SEED));
  }

  /// For a file.
  static List<TensorView> tensors(MoeLayer layer, Map<CallerRegion, int[]> keys) {
    return TokenKey.of(List.of(layer)).stream()
        .map(key -> {
          int[] values = keys.get(CallerRegion.of(key.kind()));
          if (values == null) {
            throw new IllegalStateException("the rows come without " + tensorName(key.kind()));
          }
          return new TensorView(
              tensorName(key.kind()),
              DType.I32,
              Shape.of(values.length),
              MemorySegment.ofArray(values));
        })
        .toList();
  }
}
