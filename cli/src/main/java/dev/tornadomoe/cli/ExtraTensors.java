package dev.tornadomoe.cli;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.cli.bench.BenchInputs;
import dev.tornadomoe.cli.parallel.TokenExtras;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TokenKey;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/// What calls bring for each token beside its hidden states, in safetensors files: integers `[M]`
/// by which routers choose, and states `[M, R]` from which they go on.
final class ExtraTensors {
  /// As transformers calls its argument.
  static final String STATES = "router_states";

  private static final int SEED = 2026;

  private ExtraTensors() {}

  /// What such a tensor is called, as transformers' arguments are.
  private static String tensorName(TokenKey.Kind kind) {
    return switch (kind) {
      case ID -> "input_ids";
    };
  }

  /// Whether a tensor holds some, and no hidden states.
  static boolean isName(String tensor) {
    for (TokenKey.Kind kind : TokenKey.Kind.values()) {
      if (tensor.equals(tensorName(kind))) {
        return true;
      }
    }
    return tensor.equals(STATES);
  }

  /// Whether calls of a layer bring any.
  static boolean areUsed(MoeLayer layer) {
    return layer.routerStates() > 0 || !TokenKey.of(List.of(layer)).isEmpty();
  }

  private static boolean goesOn(MoeLayer layer) {
    Router router = layer.router();
    return router != null && router.mlp() != null && router.mlp().goesOn();
  }

  /// Reads all that a layer's router asks, with memory for what it only writes.
  ///
  /// @param prefix what stands before the tensors' names
  /// @throws CheckpointException for a file without them, or with others
  static TokenExtras read(TensorFile file, String prefix, MoeLayer layer, int tokens) {
    Map<CallerRegion, MemorySegment> memory = written(layer, tokens);
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
      memory.put(
          CallerRegion.of(key.kind()), MemorySegment.ofArray(values(file, tensor, tokens, key)));
    }
    if (goesOn(layer)) {
      memory.put(
          CallerRegion.ROUTER_STATES,
          MemorySegment.ofArray(states(file, prefix + STATES, layer, tokens)));
    }
    return new TokenExtras(tokens, memory);
  }

  /// Memory for what the calls of a layer write beside its output.
  static Map<CallerRegion, MemorySegment> written(MoeLayer layer, int tokens) {
    Map<CallerRegion, MemorySegment> memory = new EnumMap<>(CallerRegion.class);
    if (layer.routerStates() > 0) {
      memory.put(
          CallerRegion.ROUTER_STATES,
          MemorySegment.ofArray(new float[Math.multiplyExact(tokens, layer.routerStates())]));
    }
    return memory;
  }

  /// {@return what routers hand on, `[M, R]`; of none where they don't}
  static float[] states(TokenExtras extras) {
    MemorySegment states = extras.memory().get(CallerRegion.ROUTER_STATES);
    return states == null ? new float[0] : states.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static float[] states(TensorFile file, String name, MoeLayer layer, int tokens) {
    int width = layer.routerStates();
    TensorView tensor =
        file.find(name)
            .orElseThrow(() ->
                new CheckpointException(
                    String.format(
                        Locale.ROOT,
                        "%s: has no tensor \"%s\", from which the router of layer %d goes on;"
                            + " expected F32 [%d, %d]",
                        file.file(),
                        name,
                        layer.index(),
                        tokens,
                        width)));
    if (tensor.dtype() != DType.F32 || !tensor.shape().is(tokens, width)) {
      throw misfit(file, tensor, String.format(Locale.ROOT, "F32 [%d, %d]", tokens, width));
    }
    return tensor.toFloats();
  }

  private static int[] values(TensorFile file, TensorView tensor, int tokens, TokenKey key) {
    boolean isInteger = tensor.dtype() == DType.I32 || tensor.dtype() == DType.I64;
    if (!isInteger || !(tensor.shape().is(tokens) || tensor.shape().is(1, tokens))) {
      throw misfit(file, tensor, String.format(Locale.ROOT, "I32 or I64 [%d]", tokens));
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

  private static CheckpointException misfit(TensorFile file, TensorView tensor, String expected) {
    return new CheckpointException(
        String.format(
            Locale.ROOT,
            "%s: tensor \"%s\" is %s %s, expected %s",
            file.file(),
            tensor.name(),
            tensor.dtype(),
            tensor.shape(),
            expected));
  }

  /// Makes up all that a layer's router asks, the same each time.
  static TokenExtras madeUp(MoeLayer layer, int tokens) {
    Random random = new Random(SEED);
    Map<CallerRegion, MemorySegment> memory = written(layer, tokens);
    BenchInputs.keys(List.of(layer), tokens, random)
        .forEach((region, values) -> memory.put(region, MemorySegment.ofArray(values)));
    if (goesOn(layer)) {
      MemorySegment states = memory.get(CallerRegion.ROUTER_STATES);
      for (long i = 0; states != null && i < states.byteSize() / Float.BYTES; i++) {
        states.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
    }
    return new TokenExtras(tokens, memory);
  }

  /// For a file: what a call of a layer reads, or what it has written.
  static List<TensorView> tensors(MoeLayer layer, TokenExtras extras, boolean written) {
    List<TensorView> tensors = new ArrayList<>();
    for (TokenKey key : written ? List.<TokenKey>of() : TokenKey.of(List.of(layer))) {
      tensors.add(
          tensor(
              tensorName(key.kind()),
              DType.I32,
              Shape.of(extras.tokens()),
              extras,
              CallerRegion.of(key.kind())));
    }
    if (written ? layer.routerStates() > 0 : goesOn(layer)) {
      tensors.add(
          tensor(
              STATES,
              DType.F32,
              Shape.of(extras.tokens(), layer.routerStates()),
              extras,
              CallerRegion.ROUTER_STATES));
    }
    return tensors;
  }

  private static TensorView tensor(
      String name, DType type, Shape shape, TokenExtras extras, CallerRegion region) {
    MemorySegment memory = extras.memory().get(region);
    if (memory == null) {
      throw new IllegalStateException("the rows come without " + name);
    }
    return new TensorView(name, type, shape, memory);
  }
}
