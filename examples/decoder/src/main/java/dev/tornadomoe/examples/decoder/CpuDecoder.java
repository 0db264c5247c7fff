package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A model on the CPU's vector units.
final class CpuDecoder extends Decoder {
  private final int hidden;
  private final List<Attention> attentions;
  private final Session session;
  private final MoeCall call = new MoeCall();

  /// The residual stream `[chunk, H]`.
  private final float[] x;

  /// The same after a norm.
  private final float[] normed;

  private final float[] logits;

  CpuDecoder(DecoderModel model, DecoderOptions options, Progress progress) {
    super(model, options.positions(), options.chunk());
    DecoderConfig config = model.config();
    hidden = config.hidden();
    Rotation rotation = new Rotation(config, options.positions());
    attentions =
        model.layers().stream()
            .map(layer -> new Attention(config, layer, rotation, options.positions()))
            .toList();
    x = new float[chunk * hidden];
    normed = new float[chunk * hidden];
    logits = new float[config.vocabulary()];
    session = Backends.require("cpu").prepare(options.plan(model, chunk), progress);
  }

  @Override
  protected float[] run(int first, int[] ids, @Nullable Map<String, Long> nanos) {
    int tokens = ids.length;
    long start = System.nanoTime();
    long moe = 0;
    for (int t = 0; t < tokens; t++) {
      model.embedding().decodeRow(ids[t], x, t * hidden);
    }
    for (int place = 0; place < attentions.size(); place++) {
      DecoderModel.Layer layer = model.layers().get(place);
      layer.attentionNorm().apply(x, tokens, normed);
      attentions.get(place).run(first, tokens, normed, x);
      layer.moeNorm().apply(x, tokens, normed);
      long before = System.nanoTime();
      // The plan's residual is in the output: x = x + moe(normed).
      session.run(call.layer(place).hidden(rows(normed, tokens), tokens).output(rows(x, tokens)));
      moe += System.nanoTime() - before;
    }
    float[] last = Arrays.copyOfRange(x, (tokens - 1) * hidden, tokens * hidden);
    model.norm().apply(last, 1, last);
    Projection.write(model.head(), last, 1, logits);
    if (nanos != null) {
      nanos.put("moe", moe);
      nanos.put("all else", System.nanoTime() - start - moe);
    }
    return logits;
  }

  private MemorySegment rows(float[] all, int tokens) {
    return MemorySegment.ofArray(all).asSlice(0, (long) tokens * hidden * Float.BYTES);
  }

  @Override
  public long copies() {
    return session.copies();
  }

  @Override
  public void close() {
    session.close();
  }

  /// Makes them.
  public static final class Backend implements DecoderBackend {

    /// For `ServiceLoader`.
    public Backend() {}

    @Override
    public String name() {
      return "cpu";
    }

    @Override
    public Decoder load(DecoderModel model, DecoderOptions options, Progress progress) {
      return new CpuDecoder(model, options, progress);
    }
  }
}
