package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.SanitizeException;
import dev.tornadomoe.plan.CallSpec;
import dev.tornadomoe.plan.CallerRegion;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Residual;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Watches the caller's memory during a sanitised run: the output is poisoned and must be written
/// completely and nowhere else, inputs must stay as they were, and an unaliased run on copies must
/// give the same bits.
final class CallAudit {
  private final GuardedSession session;
  private final MoePlan plan;
  private final CallSpec spec;
  private @Nullable GuardedSession shadow;

  /// @param session what is watched
  CallAudit(GuardedSession session) {
    this.session = session;
    this.plan = session.plan();
    this.spec = plan.options().call();
  }

  /// Runs one layer of a call and checks what it did.
  ///
  /// @param layer its index in the plan
  /// @param how each chunk of it is run
  void run(MoeCall call, int layer, GuardedSession.ChunkRun how) {
    MemorySegment output = present(call.output());
    Map<CallerRegion, MemorySegment> inputs = inputs(call);
    Map<CallerRegion, MemorySegment> before = new EnumMap<>(CallerRegion.class);
    inputs.forEach((region, segment) -> before.put(region, copyOf(segment)));
    MemorySegment outputBefore = copyOf(output);
    boolean outputIsInput = spec.inPlace() || spec.residual() == Residual.IN_OUTPUT;
    if (!outputIsInput) {
      forEachElement(call, layer, (row, column, at) -> Poison.set(output, at, spec.outputType()));
    }

    session.runLayer(call, layer, how);

    inputs.forEach((region, segment) -> requireSame(layer, region, segment, before.get(region)));
    if (!outputIsInput) {
      forEachElement(
          call, layer, (row, column, at) -> requireWritten(call, layer, row, column, at));
    }
    requireGapsUntouched(call, layer, output, outputBefore);
    MemorySegment hiddenBefore = spec.inPlace() ? outputBefore : before.get(CallerRegion.HIDDEN);
    compareWithShadow(call, layer, present(hiddenBefore), outputBefore, output);
  }

  private Map<CallerRegion, MemorySegment> inputs(MoeCall call) {
    Map<CallerRegion, MemorySegment> inputs = new EnumMap<>(CallerRegion.class);
    if (!spec.inPlace()) {
      inputs.put(CallerRegion.HIDDEN, present(call.hidden()));
    }
    putIfPresent(inputs, CallerRegion.RESIDUAL, call.residual());
    putIfPresent(inputs, CallerRegion.TOPK_IDS, call.topkIds());
    putIfPresent(inputs, CallerRegion.TOPK_WEIGHTS, call.topkWeights());
    return inputs;
  }

  private static void putIfPresent(
      Map<CallerRegion, MemorySegment> map, CallerRegion region, @Nullable MemorySegment segment) {
    if (segment != null) {
      map.put(region, segment);
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
      int layer, CallerRegion region, MemorySegment segment, @Nullable MemorySegment before) {
    long at = segment.mismatch(present(before));
    if (at >= 0) {
      throw new SanitizeException(
          String.format(
              Locale.ROOT,
              "sanitize: layer %d changed the caller's %s at byte %d",
              layerIndex(layer),
              region,
              at));
    }
  }

  private void requireWritten(MoeCall call, int layer, int row, int column, long at) {
    if (Poison.isSet(present(call.output()), at, spec.outputType())) {
      throw new SanitizeException(
          String.format(
              Locale.ROOT,
              "sanitize: OUTPUT_NOT_WRITTEN: layer %d, experts \"%s\": row %d, column %d of the"
                  + " output is unwritten, or made from uninitialised memory",
              layerIndex(layer),
              plan.modularMoe(layer).experts().name(),
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
              "sanitize: layer %d gives another result with the output alias than without, from"
                  + " byte %d of the output",
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
  void close() {
    if (shadow != null) {
      shadow.close();
    }
  }
}
