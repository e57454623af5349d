"""The flat networks and the real classes into which they are exported give the same numbers."""

import unittest

import torch

import flat_denoiser
import flat_text
import flat_vae
import tiny_tokenizer


def disturbed(module: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(1)
    for parameter in module.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return module


class FlatTest(unittest.TestCase):
    def setUp(self) -> None:
        torch.set_grad_enabled(False)
        torch.manual_seed(0)

    def tearDown(self) -> None:
        torch.set_grad_enabled(True)

    def close(self, mine: torch.Tensor, real: torch.Tensor) -> None:
        self.assertLess((mine - real).abs().max().item(), 2e-5 * real.abs().max().item())

    def test_denoiser_is_the_transformer(self) -> None:
        flat = disturbed(flat_denoiser.FlatDenoiser())
        x, text = torch.randn(2, 64, 64), torch.randn(2, 12, 192)
        sigma, lengths = torch.tensor([0.9, 0.3]), torch.tensor([12, 7])
        real = flat_denoiser.export(flat)(
            hidden_states=x,
            encoder_hidden_states=text,
            encoder_hidden_states_mask=torch.arange(12)[None] < lengths[:, None],
            timestep=sigma,
            img_shapes=[[(1, 8, 8)]] * 2,
        ).sample
        self.close(flat(x, sigma, text, lengths), real)

    def test_vae_is_the_autoencoder(self) -> None:
        flat = disturbed(flat_vae.FlatVae())
        x = torch.randn(2, 3, 64, 48)
        for _ in range(3):
            flat.encode(x)
        flat.eval()
        real = flat_vae.export(flat, [0.0] * 16, [1.0] * 16)
        latents = real.encode(x.unsqueeze(2)).latent_dist.mode()
        self.close(flat.encode(x), latents.squeeze(2))
        decoded = real.decode(latents, return_dict=False)[0].squeeze(2)
        self.close(flat.decode(latents.squeeze(2)).clamp(-1, 1), decoded)

    def test_text_is_the_language_model(self) -> None:
        prompts = flat_text.Prompts()
        flat = disturbed(flat_text.FlatText(prompts.prefix))
        real = flat_text.real_model().float()
        flat_text.export(flat, real)
        sentences = ["a red circle to the left of a blue star", "A red kite over Lisbon."]
        ids, lengths = prompts.encode(sentences)
        mine = flat(ids)
        for row, sentence in enumerate(sentences):
            prompt = tiny_tokenizer.TEMPLATE_PREFIX + sentence + tiny_tokenizer.TEMPLATE_SUFFIX
            tokens = prompts.tokenizer(prompt, return_tensors="pt").input_ids
            states = real(input_ids=tokens, output_hidden_states=True).hidden_states[-1]
            self.close(mine[row, : lengths[row]], states[0, tiny_tokenizer.PREFIX_TOKENS :])


if __name__ == "__main__":
    unittest.main()
