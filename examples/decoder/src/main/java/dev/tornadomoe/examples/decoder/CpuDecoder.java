package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import java.util.List;
import java.util.Map;

/// A model on the CPU.
final class CpuDecoder implements Decoder {
  private final DecoderModel model;
  private final int chunk;
  private final Sequence sequence;
  private final List<Attention> attentions;
  private final Rows rows;
  private final Session session;
  private final MoeCall call = new MoeCall();
  private final float[] last;
  private final float[] logits;
  private long moeNanos;

  CpuDecoder(DecoderModel model, DecoderOptions options, Progress progress) {
    this.model = model;
    DecoderConfig config = model.config();
    chunk = options.chunk();
    sequence = new Sequence(options.positions(), config.vocabulary());
    Rotation rotation = new Rotation(config, options.positions());
    attentions =
        model.layers().stream()
            .map(layer -> new Attention(config, layer, rotation, options.positions()))
            .toList();
    rows = new Rows(config, chunk);
    last = new float[config.hidden()];
    logits = new float[config.vocabulary()];
    session = Backends.require("cpu").prepare(options.plan(model, chunk), progress);
  }

  @Override
  public float[] advance(int... ids) throws InterruptedException {
    sequence.grow(chunk, this::runLayers, ids);
    int tokens = (ids.length - 1) % chunk + 1; // of the last chunk
    int hidden = model.config().hidden();
    System.arraycopy(rows.x, (tokens - 1) * hidden, last, 0, hidden);
    model.norm().apply(last, 1, last);
    model.head().multiply(last, 1, logits);
    return logits;
  }

  private void runLayers(int... ids) throws InterruptedException {
    int tokens = ids.length;
    int hidden = model.config().hidden();
    for (int t = 0; t < tokens; t++) {
      model.embedding().row(ids[t], rows.x, t * hidden);
    }
    for (int place = 0; place < attentions.size(); place++) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      DecoderModel.Layer layer = model.layers().get(place);
      layer.attentionNorm().apply(rows.x, tokens, rows.normed);
      attentions.get(place).run(sequence.length(), tokens, rows);
      rows.addProjected(tokens);
      layer.moeNorm().apply(rows.x, tokens, rows.normed);
      long start = System.nanoTime();
      session.run(
          call.layer(place)
              .hidden(rows.segment(rows.normed, tokens), tokens)
              .output(rows.segment(rows.x, tokens)));
      moeNanos += System.nanoTime() - start;
    }
  }

  @Override
  public Sequence sequence() {
    return sequence;
  }

  @Override
  public long copies() {
    return session.copies();
  }

  @Override
  public Map<String, Long> profile(int id) throws InterruptedException {
    long before = moeNanos;
    long start = System.nanoTime();
    advance(id);
    long moe = moeNanos - before;
    return Map.of("moe", moe, "all else", System.nanoTime() - start - moe);
  }

  @Override
  public void close() {
    session.close();
  }
}
