package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.examples.decoder.Decoder;
import dev.tornadomoe.examples.decoder.DecoderModel;
import dev.tornadomoe.examples.decoder.DecoderOptions;
import dev.tornadomoe.examples.decoder.Main;

/// The command on the device that TornadoVM finds.
public final class TornadoMain {
  private static final String BACKEND = "tornado";

  private TornadoMain() {}

  /// Runs the command and exits.
  public static void main(String[] args) {
    System.exit(new Main(BACKEND, TornadoMain::load).run(args));
  }

  static Decoder load(DecoderModel model, DecoderOptions options, Progress progress) {
    Backends.require(BACKEND); // before a class of TornadoVM loads: it sets that up
    return new TornadoDecoder(model, options, progress);
  }
}
