package dev.tornadomoe.examples.decoder;

import dev.tornadomoe.backend.Progress;
import java.util.ServiceLoader;

/// What computes a model. The one for TornadoVM is in its own module, so that this one can be built
/// without an SDK.
public interface DecoderBackend {

  /// What `--backend` calls it.
  String name();

  /// Loads a model, which must stay open until the decoder is closed.
  ///
  /// @param progress hears how far loading the experts is
  /// @throws dev.tornadomoe.MoeException when it can't run here
  Decoder load(DecoderModel model, DecoderOptions options, Progress progress);

  /// The backend of this name.
  ///
  /// @throws DecoderException when there is none
  static DecoderBackend named(String name) {
    for (DecoderBackend backend : ServiceLoader.load(DecoderBackend.class)) {
      if (backend.name().equals(name)) {
        return backend;
      }
    }
    throw new DecoderException(
        "there is no backend \"%s\"%s",
        name,
        name.equals("tornado")
            ? ": it is built where there is a TornadoVM SDK, see docs/tornadovm.md"
            : ", expected cpu or tornado");
  }
}
