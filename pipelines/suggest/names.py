"""How feeds of many countries call their columns, the surest first; without case, blanks, marks."""

_TITLES = """
    title producttitle itemtitle productname itemname name titel artikelbezeichnung bezeichnung
    produktname artikelname titre nom nomproduit libelle designation titulo nombre nombreproducto
    nome nomeproduto titolo nomeprodotto naam productnaam nazwa nazwaproduktu nazev namn navn nimi
    urunadi baslik nev название наименование товар 商品名 商品名称 品名 标题 名称 商品標題 상품명
    제목 タイトル 商品タイトル tensanpham tieude text reviewtext sentence label description
"""
_CATEGORIES = """
    categorypath categories category producttype googleproductcategory categoryname maincategory
    kategoriepfad kategorie kategorien warengruppe produktgruppe categorie rubrique rayon
    categoria categorias categoriaproducto reparto kategoria kategorija kategori kategoriler
    категория категории раздел 分类 类目 类别 分類 カテゴリ カテゴリー 카테고리 분류 danhmuc
    breadcrumb breadcrumbs taxonomy department departement section shelf aisle class
    rating score sentiment label labels tags
"""
_IDS = """
    id sku productid itemid asin ean gtin upc artikelnummer artikelnr artnr offerid code codigo
    reference ref код артикул 商品id 商品编号 品番 상품번호
"""
# What stands in the name of the column in which a category has that above it.
_PARENTS = "parent oberkategorie eltern padre genitore ouder rodzic överordnad родител 父"

TITLES = tuple(_TITLES.split())
CATEGORIES = tuple(_CATEGORIES.split())
IDS = tuple(_IDS.split())
PARENTS = tuple(_PARENTS.split())
