package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Progress;

/// The CPU's vector units.
public final class CpuDecoderBackend implements DecoderBackend {

  /// For `ServiceLoader`.
  public CpuDecoderBackend() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public Decoder load(DecoderModel model, DecoderOptions options, Progress progress) {
    return new CpuDecoder(model, options, progress);
  }
}
