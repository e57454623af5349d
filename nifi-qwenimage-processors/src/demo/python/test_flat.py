"""The flat networks and the real classes into which they are exported give the same numbers."""

import unittest

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from transformers import Qwen2VLImageProcessor

import chat
import flat_denoiser
import flat_language
import flat_vae
import pack
import sentences
import train_denoiser
import world


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

    def test_language_is_the_model_for_prompts_and_dialogues(self) -> None:
        flat = disturbed(flat_language.FlatLanguage())
        real = flat_language.export(flat)
        ids = torch.from_numpy(sentences.Writer().prompts(["a red circle", "A kite over Lisbon."])[0]).long()
        whole = torch.cat([flat.prefix.expand(2, -1), ids], dim=1)
        self.close(flat.prompts(ids), real.model(input_ids=whole).last_hidden_state[:, len(flat.prefix) :])
        ids = torch.from_numpy(sentences.write_chats((0, 2))[0]).long()
        pictures = world.render(sentences.chat_scenes_of(0, 2))
        processor = Qwen2VLImageProcessor(**pack.PREPROCESSOR)
        prepared = processor([Image.fromarray(p) for p in world.to_bytes(pictures)], return_tensors="pt")
        patches = flat_language.Eye()((pictures / 2 + 0.5) * 255)
        given = prepared["pixel_values"].view(2, 100, 3, 2, -1)[:, :, :, 0].reshape(patches.shape)
        # Pillow counts in whole numbers: here and there it rounds the other way, by one of 255.
        self.assertLess((patches - given).abs().max().item(), 0.016)
        self.assertLess((patches - given).abs().mean().item(), 1e-4)
        image = sentences.tokenizer().token_to_id("<|image_pad|>")
        states = real.model(
            input_ids=ids,
            pixel_values=prepared["pixel_values"],
            image_grid_thw=prepared["image_grid_thw"],
            mm_token_type_ids=(ids == image).int(),
        ).last_hidden_state
        self.close(flat.chats(ids, flat.visual(given)), states)

    def test_sigmas_are_the_schedulers(self) -> None:
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(flat_language.variant().scheduler)
        for steps in (1, 4, 20):
            mu = 0.5 + (64 - 256) * 0.4 / (8192 - 256)
            scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
            if steps > 1:
                self.assertLess((scheduler.sigmas - train_denoiser.sigmas(steps)).abs().max().item(), 1e-6)

    def test_dialogues_are_those_of_the_processors(self) -> None:
        root = pack.RESOURCES.parents[3] / "java" / "io" / "qwenimage" / "pipeline"
        presets = "".join((root / "CaptionPreset.java").read_text(encoding="utf-8").split('"\n            + "'))
        for question in (chat.CAPTION, chat.DENSE, chat.ALTERNATIVE, chat.TAGS, chat.READ, chat.READ_BOXES):
            self.assertIn(question.replace('"', '\\"'), presets)


if __name__ == "__main__":
    unittest.main()
