package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderBackend;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.DecoderOptions;

/// The device that TornadoVM finds.
public final class TornadoDecoderBackend implements DecoderBackend {
  private static final String NAME = "tornado";

  /// For `ServiceLoader`.
  public TornadoDecoderBackend() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Decoder load(DecoderModel model, DecoderOptions options, Progress progress) {
    Backends.require(NAME); // says what is missing, before a class of TornadoVM loads
    return new TornadoDecoder(model, options, progress);
  }
}
