package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Watches the caller's memory during a sanitised run: the output is poisoned and must be written
/// completely and nowhere else, inputs must stay as they were, and an unaliased run on copies must
/// give the same bits.
public final class CallAudit {
  private final Audited session;
  private final MoePlan plan;
  private final CallSpec spec;
  private @Nullable Audited shadow;

  /// @param session what is watched
  public CallAudit(Audited session) {
    this.session = session;
    this.plan = session.plan();
    this.spec = plan.options().call();
  }

  /// Runs one layer of a call and checks what it did.
  ///
  /// @param layer its place in the plan
  public void run(MoeCall call, int layer) {
    MemorySegment output = present(call.output());
    Map<String, MemorySegment> inputs = inputs(call);
    Map<String, MemorySegment> before = new LinkedHashMap<>();
    inputs.forEach((name, segment) -> before.put(name, copyOf(segment)));
    MemorySegment outputBefore = copyOf(output);
    boolean outputIsInput = spec.inPlace() || spec.residual() == Residual.IN_OUTPUT;
    if (!outputIsInput) {
      forEachElement(call, layer, (row, column, at) -> Poison.set(output, at, spec.outputType()));
    }

    session.runLayer(call, layer);

    inputs.forEach((name, segment) -> requireSame(layer, name, segment, before.get(name)));
    if (!outputIsInput) {
      forEachElement(
          call, layer, (row, column, at) -> requireWritten(call, layer, row, column, at));
    }
    requireGapsUntouched(call, layer, output, outputBefore);
    MemorySegment hiddenBefore = spec.inPlace() ? outputBefore : before.get("hidden");
    compareWithShadow(call, layer, present(hiddenBefore), outputBefore, output);
  }

  private Map<String, MemorySegment> inputs(MoeCall call) {
    Map<String, MemorySegment> inputs = new LinkedHashMap<>();
    if (!spec.inPlace()) {
      inputs.put("hidden", present(call.hidden()));
    }
    putIfPresent(inputs, "residual", call.residual());
    putIfPresent(inputs, "topk_ids", call.topkIds());
    putIfPresent(inputs, "topk_weights", call.topkWeights());
    return inputs;
  }

  private static void putIfPresent(
      Map<String, MemorySegment> map, String name, @Nullable MemorySegment segment) {
    if (segment != null) {
      map.put(name, segment);
    }
  }

  private static MemorySegment present(@Nullable MemorySegment segment) {
    if (segment == null) {
      throw new IllegalStateException("calls are checked before they are audited");
    }
    return segment;
  }

  private static MemorySegment copyOf(MemorySegment segment) {
    return MemorySegment.ofArray(segment.toArray(ValueLayout.JAVA_BYTE));
  }

  private int layerIndex(int layer) {
    return plan.layers().get(layer).index();
  }

  private void requireSame(
      int layer, String name, MemorySegment segment, @Nullable MemorySegment before) {
    long at = segment.mismatch(present(before));
    if (at >= 0) {
      throw new SanitizeException(
          String.format(
              Locale.ROOT,
              "sanitize: layer %d changed the caller's %s at byte %d",
              layerIndex(layer),
              name,
              at));
    }
  }

  private void requireWritten(MoeCall call, int layer, int row, int column, long at) {
    if (Poison.isSet(present(call.output()), at, spec.outputType())) {
      throw new SanitizeException(
          String.format(
              Locale.ROOT,
              "sanitize: OUTPUT_NOT_WRITTEN: layer %d, experts \"%s\": row %d, column %d of the output is unwritten, or made from uninitialised memory",
              layerIndex(layer),
              plan.pieces(layer).experts().name(),
              row,
              column));
    }
  }

  /// What stands between the rows of a strided output belongs to somebody else.
  private void requireGapsUntouched(
      MoeCall call, int layer, MemorySegment output, MemorySegment outputBefore) {
    long rowBytes = (long) plan.layers().get(layer).hidden() * spec.outputType().bytes();
    long stride = (long) spec.outputStride() * spec.outputType().bytes();
    for (int row = 0; row < call.tokens() && stride > rowBytes; row++) {
      long from = row * stride + rowBytes;
      long to = Math.min((row + 1) * stride, output.byteSize());
      if (from < to && MemorySegment.mismatch(output, from, to, outputBefore, from, to) >= 0) {
        throw new SanitizeException(
            String.format(
                Locale.ROOT,
                "sanitize: layer %d wrote behind row %d of the output, between its rows",
                layerIndex(layer),
                row));
      }
    }
  }

  private void compareWithShadow(
      MoeCall call,
      int layer,
      MemorySegment shadowHidden,
      MemorySegment shadowOutput,
      MemorySegment output) {
    if (shadow == null) {
      shadow = session.shadow();
    }
    MoeCall again = new MoeCall().hidden(shadowHidden, call.tokens()).output(shadowOutput);
    if (call.residual() != null) {
      again.residual(call.residual());
    }
    if (call.topkIds() != null) {
      again.routing(call.topkIds(), present(call.topkWeights()));
    }
    shadow.runLayer(again, layer);
    long at = output.mismatch(shadowOutput);
    if (at >= 0) {
      throw new SanitizeException(
          String.format(
              Locale.ROOT,
              "sanitize: layer %d gives another result with the output alias than without, from byte %d of the output",
              layerIndex(layer),
              at));
    }
  }

  /// Something to do with one element of the output.
  @FunctionalInterface
  private interface ElementAction {
    void at(int row, int column, long offset);
  }

  private void forEachElement(MoeCall call, int layer, ElementAction action) {
    int hidden = plan.layers().get(layer).hidden();
    long stride = spec.outputStride() == 0 ? hidden : spec.outputStride();
    for (int row = 0; row < call.tokens(); row++) {
      for (int column = 0; column < hidden; column++) {
        action.at(row, column, (row * stride + column) * spec.outputType().bytes());
      }
    }
  }

  /// Closes the session that runs without aliases.
  public void close() {
    if (shadow != null) {
      shadow.close();
    }
  }
}
